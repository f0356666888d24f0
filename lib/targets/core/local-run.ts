/** A run of the store as a push sees it: its files by digest, artifacts apart from documents. */
import { statSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { STEP_NAMES } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { hashFile } from "../../store/files/hash.ts";
import { readSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { readStepMetadata, unitFiles } from "../../store/run/step-index.ts";

export interface LocalFile {
  /** Relative to the run, or to `evidence/`. */
  readonly path: string;
  /** Absolute. */
  readonly file: string;
  readonly sha256: string;
  readonly size: number;
}

export interface LocalRun {
  readonly run: string;
  readonly directory: string;
  readonly artifacts: readonly LocalFile[];
  /** All other files of SHA256SUMS. */
  readonly documents: readonly LocalFile[];
  readonly sums: LocalFile;
  readonly signature: LocalFile | undefined;
}

/** Reads which files a run has. Throws `E_RUN_UNKNOWN`, and `E_VERIFY` for a damaged run; opens no artifact. */
export async function readLocalRun(store: string, run: string, signal: AbortSignal): Promise<LocalRun> {
  const directory = runDirectory(store, run);
  if (statSync(directory, { throwIfNoEntry: false }) === undefined)
    throw new HoldfastError("E_RUN_UNKNOWN", `the store has no run ${run}`);
  const digests = readSums(directory);
  if (digests === undefined) throw new HoldfastError("E_VERIFY", `${run}/${SUMS_FILE} is missing or malformed`);
  const artifactPaths = new Set(
    STEP_NAMES.flatMap((step) => [...readStepMetadata(directory, step)].flatMap((unit) => unitFiles(unit))),
  );
  const artifacts: LocalFile[] = [];
  const documents: LocalFile[] = [];
  for (const [name, sha256] of digests) {
    const file = path.join(directory, name);
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats?.isFile() !== true) throw new HoldfastError("E_VERIFY", `${run}/${name} is missing`);
    (artifactPaths.has(name) ? artifacts : documents).push({ path: name, file, sha256, size: stats.size });
  }
  return {
    run,
    directory,
    artifacts,
    documents,
    sums: await describeFile(directory, SUMS_FILE, signal),
    signature: statSync(path.join(directory, SIGNATURE_FILE), { throwIfNoEntry: false })?.isFile()
      ? await describeFile(directory, SIGNATURE_FILE, signal)
      : undefined,
  };
}

/** Hashes a file of `directory`. */
export async function describeFile(directory: string, name: string, signal: AbortSignal): Promise<LocalFile> {
  const file = path.join(directory, name);
  return { path: name, file, ...(await hashFile(file, signal)) };
}
