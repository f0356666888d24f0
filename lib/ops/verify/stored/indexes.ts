/** Checks indexes: each step's index.json, its metadata files, the manifest and SHA256SUMS agree on every unit. */
import { existsSync } from "node:fs";
import path from "node:path";
import { indexSchema } from "../../../model/unit.ts";
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import { sayEntry, tryRead, type Lists, type Said, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

const NOTHING: Lists = { index: [], metadata: [] };

export function checkIndexes(survey: RunInventory): Finding {
  const problems: Problem[] = [];
  let lines = 0;
  for (const step of survey.steps) {
    const file = `${step}/index.json`;
    const expected = survey.expected.get(step) ?? NOTHING;
    const found = readIndex(survey, file, problems);
    lines += found?.length ?? 0;
    if (found !== undefined) problems.push(...compare(file, "index", expected.index, found));
    if (survey.manifest === undefined) continue;
    const listed = survey.listed.get(step) ?? NOTHING;
    problems.push(
      ...compare(MANIFEST_FILE, "index", expected.index, listed.index),
      ...compare(MANIFEST_FILE, "metadata", expected.metadata, listed.metadata),
    );
  }
  problems.push(...againstSums(survey));
  return { figure: `${count(survey.steps.length, "index", "indexes")}, ${count(lines, "entry", "entries")}`, problems };
}

function readIndex(survey: RunInventory, file: string, problems: Problem[]): Said[] | undefined {
  if (!existsSync(path.join(survey.directory, file))) {
    problems.push({ path: file, message: "is missing" });
    return undefined;
  }
  return tryRead(survey.directory, file, indexSchema, problems)?.map(sayEntry);
}

/** Reports what `found` lacks, adds, or records differently than `expected`, which comes from the metadata files. */
function compare(
  file: string,
  what: "index" | "metadata",
  expected: readonly Said[],
  found: readonly Said[],
): Problem[] {
  const open = new Map<string, string[]>();
  for (const { of, digest } of expected) open.set(of, [...(open.get(of) ?? []), digest]);
  const problems: Problem[] = [];
  for (const { of, digest } of found) {
    const digests = open.get(of) ?? [];
    if (digests.length === 0) problems.push({ path: file, message: `lists ${of}, which no metadata.json describes` });
    else if (!digests.includes(digest))
      problems.push({ path: file, message: `differs from the metadata.json of ${of}` });
    const at = digests.indexOf(digest);
    digests.splice(Math.max(at, 0), 1);
    if (digests.length === 0) open.delete(of);
  }
  const missing = [...open].flatMap(([of, digests]) => digests.map(() => of));
  return [
    ...problems,
    ...missing.map((of) => ({
      path: file,
      message: `does not list ${what === "index" ? of : `the metadata of ${of}`}`,
    })),
  ];
}

/** Compares the sha256 of each artifact in its metadata with SHA256SUMS. */
function againstSums({ units, sums }: RunInventory): Problem[] {
  if (sums === undefined) return [];
  return units.flatMap(({ file, artifacts }) =>
    artifacts
      .filter((artifact) => sums.has(artifact.path) && sums.get(artifact.path) !== artifact.sha256)
      .map((artifact) => ({ path: artifact.path, message: `SHA256SUMS and ${file} record different sha256 sums` })),
  );
}
