/** What would be lost with a run: the units of which no other published run holds a good copy. */
import { lstatSync } from "node:fs";
import path from "node:path";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { isSound, readSoundMetadata } from "../../store/run/previous-runs.ts";
import { listMetadata } from "../../store/run/step-index.ts";
import { readSums } from "../../store/run/checksums.ts";

/**
 * The directory that stands for a unit. Shards, whose directories lie a level deeper, are layers of one tree: a file may lie in another
 * shard in every run, so that they count together.
 */
function unitOf(metadataFile: string): string {
  const directory = path.posix.dirname(metadataFile);
  return directory.split("/").length > 2 ? path.posix.dirname(directory) : directory;
}

/**
 * The directories of the units that only `run` holds, or holds undamaged. A copy counts when its metadata and artifacts are what its run
 * recorded; artifacts are read for that, except those that are one and the same file in both runs.
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

/** A copy that a restore made of what it was about to overwrite may be of the very state that had to be restored. */
function isSafety(directory: string): boolean {
  try {
    return readManifestHead(directory).kind === "safety";
  } catch {
    return false; // a damaged manifest says nothing of the units
  }
}

interface MetadataFile {
  readonly step: StepName;
  readonly file: string;
}

/** The metadata files of a run by the unit that they are of. */
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

/** Whether all artifacts are hard links of the ones in the other run: then the copy is as good as what it stands for. */
function isSameFile(base: string, own: string, metadata: UnitMetadata): boolean {
  return metadata.artifacts.every(({ path: artifact }) => {
    const [here, there] = [base, own].map((directory) =>
      lstatSync(path.join(directory, artifact), { bigint: true, throwIfNoEntry: false }),
    );
    return here !== undefined && here.ino === there?.ino && here.dev === there.dev;
  });
}
