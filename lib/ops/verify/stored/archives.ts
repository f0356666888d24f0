/** Reads every archive of a step to its end, counts its entries, and compares a shard with its list. */
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import { metadataSchema, type Artifact, type StepName } from "../../../model/unit.ts";
import { formatBytes, plural } from "../../../report/format.ts";
import { forEachParallel } from "../../../store/files/for-each-parallel.ts";
import type { ArtifactReaders } from "../../checks/artifact-readers.ts";
import { tryRead, type RunInventory, type UnitRecord } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

type Kind = "zip" | "tgz";

function kindOf({ path: file }: Artifact): Kind | undefined {
  if (file.endsWith(".zip")) return "zip";
  return file.endsWith(".tgz") ? "tgz" : undefined;
}

/** Checks the archives of a step; undefined if it has none. */
export async function checkArchives(
  survey: RunInventory,
  step: StepName,
  readers: ArtifactReaders,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const units = survey.units.filter((unit) => unit.step === step);
  const archives = units.flatMap((unit) =>
    unit.artifacts.map((artifact) => ({ unit, artifact, kind: kindOf(artifact) })),
  );
  const problems: Problem[] = [];
  let read = 0;
  let entries = 0;
  let bytes = 0;
  await forEachParallel(archives, readers.width, async ({ unit, artifact, kind }) => {
    if (kind === undefined) return;
    read++;
    const say = (message: string): void => void problems.push({ path: artifact.path, message });
    if (survey.files.get(artifact.path)?.isFile !== true) return say("is missing");
    const file = path.join(survey.directory, artifact.path);
    try {
      const list = kind === "tgz" ? listOf(survey, unit) : undefined;
      const found = await readers.archive(
        kind,
        file,
        list === undefined ? undefined : { file: path.join(survey.directory, list), name: list },
      );
      for (const message of found.said) say(message);
      entries += found.entries;
      bytes += found.bytes;
      if (artifact.entries !== undefined && artifact.entries !== found.entries)
        say(`holds ${plural(found.entries, "entry")}, but ${unit.file} records ${artifact.entries}`);
    } catch (error) {
      signal.throwIfAborted();
      say(messageOf(error, file));
    }
  });
  if (read === 0) return undefined;
  return {
    figure: `${count(read, "archive")}, ${count(entries, "entry", "entries")}, ${formatBytes(bytes)} unpacked`,
    problems: problems.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

/** Returns the list of a shard's files, if the unit has one. */
function listOf(survey: RunInventory, unit: UnitRecord): string | undefined {
  const list = tryRead(survey.directory, unit.file, metadataSchema, [])?.["files_list"];
  return typeof list === "string" ? list : undefined;
}

/** Returns the message of an error without the file's own name in front. */
export const messageOf = (error: unknown, file: string): string =>
  (error instanceof HoldfastError ? error.message : String(error)).replace(`${file}: `, "").replace(`${file} `, "");
