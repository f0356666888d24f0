/** Finds the units that would be lost with a run: no other published run holds a good copy of them. */
import { lstatSync } from "node:fs";
import path from "node:path";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { isSound, readSoundMetadata } from "../../store/run/previous-runs.ts";
import { listMetadata } from "../../store/run/step-index.ts";
import { readSums } from "../../store/run/checksums.ts";

/**
 * Returns the directory that identifies a unit. Shards, one level deeper, are layers of one tree: a file may be in
 * another shard in every run, so they count together.
 */
function unitOf(metadataFile: string): string {
  const directory = path.posix.dirname(metadataFile);
  return directory.split("/").length > 2 ? path.posix.dirname(directory) : directory;
}

/**
 * Returns the directories of the units of which only `run` has an undamaged copy. A copy counts if its metadata and
 * artifacts match its run's record; artifacts are read for that, unless both runs share the file.
 */
export async function findLastCopies(store: string, run: string, signal: AbortSignal): Promise<string[]> {
  const own = unitsOf(runDirectory(store, run));
  const others = listRuns(store).filter((one) => one !== run && !isSafety(runDirectory(store, one)));
  for (const other of others.toReversed()) {
    if (own.size === 0) break;
    const base = runDirectory(store, other);
    const sums = readSums(base);
    const units = unitsOf(base);
    for (const unit of own.keys()) {
      const files = units.get(unit) ?? [];
      if (files.length > 0 && (await areSound(base, sums, files, runDirectory(store, run), signal))) own.delete(unit);
    }
  }
  return [...own.keys()];
}

/** Checks whether a run is a safety copy, which may hold the very state that a restore had to replace. */
function isSafety(directory: string): boolean {
  try {
    return readManifestHead(directory).kind === "safety";
  } catch {
    return false; // a damaged manifest does not affect the units
  }
}

interface MetadataFile {
  readonly step: StepName;
  readonly file: string;
}

/** Groups the metadata files of a run by unit. */
function unitsOf(base: string): Map<string, MetadataFile[]> {
  const units = new Map<string, MetadataFile[]>();
  for (const step of STEP_NAMES) {
    if (lstatSync(path.join(base, step), { throwIfNoEntry: false }) === undefined) continue;
    for (const file of listMetadata(base, step)) {
      const unit = unitOf(file);
      units.set(unit, [...(units.get(unit) ?? []), { step, file }]);
    }
  }
  return units;
}

async function areSound(
  base: string,
  sums: ReadonlyMap<string, string> | undefined,
  files: readonly MetadataFile[],
  own: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (const { step, file } of files) {
    signal.throwIfAborted();
    const metadata = readSoundMetadata(base, sums, step, file);
    if (metadata === undefined || !(await isSound(base, metadata, !isSameFile(base, own, metadata), signal)))
      return false;
  }
  return true;
}

/** Checks whether all artifacts are hard links of those in the other run, so that both copies are equally good. */
function isSameFile(base: string, own: string, metadata: UnitMetadata): boolean {
  return metadata.artifacts.every(({ path: artifact }) => {
    const [here, there] = [base, own].map((directory) =>
      lstatSync(path.join(directory, artifact), { bigint: true, throwIfNoEntry: false }),
    );
    return here !== undefined && here.ino === there?.ino && here.dev === there.dev;
  });
}
