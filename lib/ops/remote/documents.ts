/** Fetches the documents of runs from a target into the cache; what another run of the cache holds is linked. */
import { setMaxListeners } from "node:events";
import { createWriteStream, existsSync, linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { STEP_NAMES } from "../../model/unit.ts";
import { printable } from "../../report/printable.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { readStepMetadata, unitFiles } from "../../store/run/step-index.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { isRunPath, readSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { MANIFEST_FILE } from "../../store/run/manifest.ts";
import type { RunReader, Target } from "../../targets/core/target.ts";

/** Documents that are fetched at the same time. */
const AT_ONCE = 8;

export class RemoteDocuments {
  readonly #target: Target;
  readonly #store: string;
  readonly #signal: AbortSignal;
  readonly #readers = new Map<string, Promise<RunReader>>();

  constructor(target: Target, store: string, signal: AbortSignal) {
    this.#target = target;
    this.#store = store;
    this.#signal = signal;
    setMaxListeners(0, signal); // every stream that is read listens to it
  }

  /** Opens a run of the target; once for each run. */
  async reader(run: string): Promise<RunReader> {
    const reader = this.#readers.get(run) ?? this.#target.reader(run);
    this.#readers.set(run, reader);
    return await reader;
  }

  /** Makes the cache list the runs of the target: of a new one the manifest and SHA256SUMS, read again each time. */
  async list(): Promise<void> {
    const there = new Set(await this.#target.runs());
    for (const run of listRuns(this.#store))
      if (!there.has(run)) removeTree(fromString(runDirectory(this.#store, run)));
    for (const run of there) {
      const reader = await this.reader(run);
      const directory = runDirectory(this.#store, run);
      // Another run of that name than was fetched before: nothing of it is kept.
      if (existsSync(directory) && !sameSums(directory, reader)) removeTree(fromString(directory));
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(path.join(directory, SUMS_FILE), reader.sums);
      if (reader.signature !== undefined) writeFileSync(path.join(directory, SIGNATURE_FILE), reader.signature);
      await this.#fetch(reader, MANIFEST_FILE);
    }
  }

  /** Fetches every file of a run that is no artifact and stands beside none: metadata first, which tell those apart. */
  async fetch(run: string): Promise<void> {
    const reader = await this.reader(run);
    const known = this.#known();
    const fetchAll = async (files: readonly string[]): Promise<void> => {
      await forEachParallel(files, AT_ONCE, async (file) => await this.#fetch(reader, file, known));
    };
    const files = [...reader.digests.keys()];
    await fetchAll(files.filter((file) => path.posix.basename(file) === "metadata.json"));
    const directory = runDirectory(this.#store, run);
    const units = STEP_NAMES.flatMap((step) => [...readStepMetadata(directory, step)]);
    const artifacts = new Set(units.flatMap(unitFiles));
    await fetchAll(files.filter((file) => !artifacts.has(file)));
  }

  /** Fetches a file of a run. Returns its path, and whether it is new here. */
  async fetchFile(run: string, file: string): Promise<{ readonly path: string; readonly isNew: boolean }> {
    const to = pathIn(runDirectory(this.#store, run), file);
    if (existsSync(to)) return { path: to, isNew: false };
    await this.#fetch(await this.reader(run), file);
    return { path: to, isNew: true };
  }

  async #fetch(reader: RunReader, file: string, known: ReadonlyMap<string, string> = new Map()): Promise<void> {
    const to = pathIn(runDirectory(this.#store, reader.run), file);
    if (existsSync(to)) return;
    mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
    const same = known.get(reader.digests.get(file) ?? "");
    if (same !== undefined && existsSync(same)) linkSync(same, to);
    else await this.#saveAs(`${reader.run}/${file}`, await reader.open(file), to);
  }

  /** Saves a file of a run; an error about its content names it, not the object that holds it alone. */
  async #saveAs(name: string, input: Readable, to: string): Promise<void> {
    try {
      await this.#save(input, to);
    } catch (error) {
      this.#signal.throwIfAborted();
      const { code, message, hint } = asHoldfastError(error, "E_REMOTE");
      throw new HoldfastError(code, `${name}: ${message}`, { hint, cause: error });
    }
  }

  /** Writes a stream to a new file that has its name when it is complete. */
  async #save(input: Readable, to: string): Promise<void> {
    const partial = `${to}.partial`;
    await pipeline(input, createWriteStream(partial, { mode: 0o600 }), { signal: this.#signal });
    renameSync(partial, to);
  }

  /** Returns documents of the cache by their digests. */
  #known(): ReadonlyMap<string, string> {
    const known = new Map<string, string>();
    for (const run of listRuns(this.#store)) {
      const directory = runDirectory(this.#store, run);
      for (const [file, sha256] of readSums(directory) ?? []) known.set(sha256, pathIn(directory, file));
    }
    return known;
  }
}

/** Returns the path of a file of a run. Throws `E_VERIFY` for a name that leads out of it: a target is not trusted. */
export function pathIn(directory: string, file: string): string {
  if (isRunPath(file)) return path.join(directory, file);
  throw new HoldfastError("E_VERIFY", `SHA256SUMS of the run ${path.basename(directory)} names ${printable(file)}`);
}

const sameSums = (directory: string, { digests }: RunReader): boolean => {
  const cached = readSums(directory);
  return cached?.size === digests.size && [...cached].every(([file, sha256]) => digests.get(file) === sha256);
};
