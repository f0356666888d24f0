/** Checks files: a run holds exactly the files that SHA256SUMS lists, each unchanged. */
import path from "node:path";
import { asHoldfastError } from "../../../errors.ts";
import { formatBytes } from "../../../report/format.ts";
import { isSummed, SUMS_FILE } from "../../../store/run/checksums.ts";
import { forEachParallel } from "../../../store/files/for-each-parallel.ts";
import type { ArtifactReaders } from "../../checks/artifact-readers.ts";
import type { RunInventory, UnitRecord } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** Checks the names: none missing, none added, and regular files only. */
export function checkFiles({ files, sums }: RunInventory): Finding {
  const problems: Problem[] = [];
  for (const [file, { isFile }] of files) {
    if (!isFile) problems.push({ path: file, message: "is not a regular file; a run holds no links and no devices" });
    else if (sums !== undefined && isSummed(file) && !sums.has(file))
      problems.push({ path: file, message: "was added: SHA256SUMS does not list it" });
  }
  for (const file of sums?.keys() ?? []) if (!files.has(file)) problems.push({ path: file, message: "is missing" });
  if (sums === undefined)
    problems.push({
      path: SUMS_FILE,
      message: files.has(SUMS_FILE) ? "is not in the form that sha256sum reads" : "is missing",
    });
  return { figure: count(files.size, "file"), problems };
}

/**
 * Checks sizes: each artifact has the size of its metadata, and the checksums in the metadata agree with those of its
 * artifacts.
 */
export function checkSizes({ files, units }: RunInventory): Finding {
  const problems: Problem[] = [];
  let bytes = 0;
  for (const unit of units) {
    for (const artifact of unit.artifacts) {
      const found = files.get(artifact.path);
      if (found === undefined) problems.push({ path: artifact.path, message: `is missing; ${unit.file} names it` });
      else if (found.size !== artifact.size_bytes)
        problems.push({
          path: artifact.path,
          message: `has ${found.size} bytes, but ${unit.file} records ${artifact.size_bytes}`,
        });
      bytes += found?.size ?? 0;
    }
    const sum = unit.artifacts.reduce((total, artifact) => total + artifact.size_bytes, 0);
    const digest = unit.artifacts.length === 1 ? unit.artifacts[0]?.sha256 : null;
    if (unit.artifacts.length === 0) problems.push({ path: unit.file, message: "names no artifact" });
    else if (sum !== unit.size || digest !== unit.sha256)
      problems.push({ path: unit.file, message: "its size_bytes or sha256 differs from its artifacts" });
  }
  return { figure: formatBytes(bytes), problems };
}

/** Checks contents: the sha256 of every file agrees with SHA256SUMS and, for an artifact, with its metadata. */
export async function checkChecksums(
  survey: RunInventory,
  readers: ArtifactReaders,
  signal: AbortSignal,
): Promise<Finding> {
  const { files, directory, sums } = survey;
  const recorded = recordedDigests(survey.units);
  const changed = new Map<string, string>();
  const problems: Problem[] = [];
  let read = 0;
  let bytes = 0;
  await forEachParallel(files, readers.width, async ([file, { isFile, size: expected }]) => {
    if (!isFile || !isSummed(file)) return;
    try {
      const { size, sha256 } = await readers.digest(path.join(directory, file), expected);
      read++;
      bytes += size;
      if (sha256 !== (sums?.get(file) ?? sha256) || sha256 !== (recorded.get(file)?.sha256 ?? sha256))
        changed.set(file, sha256);
    } catch (error) {
      signal.throwIfAborted();
      problems.push({ path: file, message: `cannot be read: ${asHoldfastError(error).message}` });
    }
  });
  const owners = new Map([...(sums ?? [])].map(([file, sha256]) => [sha256, file]));
  for (const [file, sha256] of changed)
    problems.push(describeChange(file, sha256, sums?.get(file), recorded.get(file), owners.get(sha256)));
  return {
    figure: `${count(read, "file")}, ${formatBytes(bytes)} read`,
    problems: problems.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

interface Recorded {
  readonly sha256: string;
  /** The metadata file with this record. */
  readonly by: string;
}

const recordedDigests = (units: readonly UnitRecord[]): Map<string, Recorded> =>
  new Map(
    units.flatMap((unit) => unit.artifacts.map(({ path: file, sha256 }) => [file, { sha256, by: unit.file }] as const)),
  );

/** Reports which of the two records and the file has changed. */
function describeChange(
  file: string,
  sha256: string,
  sum: string | undefined,
  own: Recorded | undefined,
  owner: string | undefined,
): Problem {
  if (sum === undefined || sum === sha256) return { path: file, message: `differs from ${own?.by ?? SUMS_FILE}` };
  if (own?.sha256 === sha256)
    return {
      path: SUMS_FILE,
      message: `records another sha256 for ${file}; ${own.by} agrees with the file`,
    };
  return {
    path: file,
    message: `is not what was recorded${owner === undefined ? "" : `: it has the content of ${owner}`}`,
  };
}
