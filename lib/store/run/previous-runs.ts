/** Finds unchanged units in earlier runs, checks them, and links them into a new run. */
import { createHash } from "node:crypto";
import { constants, copyFileSync, existsSync, linkSync, lstatSync, mkdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { DOCUMENT, parseJson } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import { systemCode } from "../../errors.ts";
import { reuseSchema } from "../../model/run.ts";
import { failureSchema, metadataSchema, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { hashFile } from "../files/hash.ts";
import { listRuns, runDirectory } from "../files/layout.ts";
import { listMetadata } from "./step-index.ts";
import { readSums } from "./checksums.ts";
import { wholeMetadata } from "./readable.ts";

/** The number of earlier runs that are searched for a unit before it is built anew. */
export const LOOK_BACK = 8;

/** A unit of an earlier run, with metadata that match that run's SHA256SUMS. */
export interface PreviousUnit {
  readonly run: string;
  readonly directory: string;
  /** The directory of its lists of files: that of the run, or one of this host where names are sealed. */
  readonly named: string;
  readonly metadata: UnitMetadata;
}

/** The document that says of each unit that was taken over how many runs did so without reading it. */
export const REUSE_FILE = "reuse.json";

/** The earlier runs of a store, newest first. Each SHA256SUMS is read once. */
export class PreviousRuns {
  readonly #store: string;
  readonly #runs: readonly string[];
  readonly #names: string | undefined;
  readonly #sums = new Map<string, ReadonlyMap<string, string> | undefined>();
  readonly #unread = new Map<string, Readonly<Record<string, number>>>();

  /**
   * `runs` are those that are searched, newest first: the eight newest of the store when absent. `names` is the directory
   * of this host for what is sealed of their names; a unit whose names it does not have is not found.
   */
  constructor(
    store: string,
    { runs, names }: { readonly runs?: readonly string[] | undefined; readonly names: string | undefined },
  ) {
    this.#store = store;
    this.#runs = runs ?? listRuns(store).toReversed().slice(0, LOOK_BACK);
    this.#names = names;
  }

  /** The directory of the newest run. */
  get newest(): string | undefined {
    const [run] = this.#runs;
    return run === undefined ? undefined : runDirectory(this.#store, run);
  }

  /** Returns the sha256 of a file of a run, as its SHA256SUMS says. */
  digestOf(run: string, file: string): string | undefined {
    return this.#sumsOf(run, runDirectory(this.#store, run))?.get(file);
  }

  /** Returns how many runs, up to `run`, took a unit over without reading it; undefined if that run built it. */
  unreadBefore(run: string, directory: string): number | undefined {
    let unread = this.#unread.get(run);
    if (unread === undefined) {
      const text = readIfThere(path.join(runDirectory(this.#store, run), REUSE_FILE));
      const sound = text !== undefined && this.digestOf(run, REUSE_FILE) === sha256Of(text) ? text : undefined;
      unread = sound === undefined ? {} : (reuseSchema.safeParse(parsedOrNothing(sound)).data?.unread_runs ?? {});
      this.#unread.set(run, unread);
    }
    return unread[directory];
  }

  /** The newest sound metadata of a unit; `directory` is the unit's, relative to the run. */
  find(step: StepName, directory: string): PreviousUnit | undefined {
    for (const run of this.#runs) {
      const found = this.#read(run, step, `${directory}/metadata.json`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Finds every valid unit with a directory in `within`, in the newest run that has one there. */
  findAll(step: StepName, within: string): PreviousUnit[] {
    for (const run of this.#runs) {
      if (!existsSync(path.join(runDirectory(this.#store, run), within))) continue;
      const files = listMetadata(runDirectory(this.#store, run), step).filter((file) => file.startsWith(`${within}/`));
      const found = files.flatMap((file) => this.#read(run, step, file) ?? []);
      if (found.length > 0) return found;
    }
    return [];
  }

  /** Returns the newest run in which the step has units and `unit`, or the step as a whole for null, did not fail. */
  lastWithout(step: StepName, unit: string | null): string | undefined {
    return this.#runs.find((run) => {
      const base = runDirectory(this.#store, run);
      const text = readIfThere(path.join(base, step, "failures.json"));
      if (text === undefined || listMetadata(base, step).length === 0) return false;
      if (this.#sumsOf(run, base)?.get(`${step}/failures.json`) !== sha256Of(text)) return false;
      const failures = z.array(failureSchema).safeParse(parsedOrNothing(text)).data;
      return failures?.every((failure) => failure.unit !== unit || failure.severity === "skipped") ?? false;
    });
  }

  #read(run: string, step: StepName, file: string): PreviousUnit | undefined {
    const base = runDirectory(this.#store, run);
    const readable = readSoundMetadata(base, this.#sumsOf(run, base), step, file);
    if (readable === undefined) return undefined;
    const kept = this.#names === undefined ? undefined : path.join(this.#names, run);
    const metadata = wholeMetadata(readable, kept, file);
    if (metadata === undefined) return undefined;
    const named = metadata === readable || kept === undefined ? base : kept;
    return { run, directory: base, named, metadata };
  }

  #sumsOf(run: string, base: string): ReadonlyMap<string, string> | undefined {
    if (!this.#sums.has(run)) this.#sums.set(run, readSums(base));
    return this.#sums.get(run);
  }
}

/** Returns the metadata of a unit if they match the run's SHA256SUMS, for every artifact too. */
export function readSoundMetadata(
  base: string,
  sums: ReadonlyMap<string, string> | undefined,
  step: StepName,
  file: string,
): UnitMetadata | undefined {
  const text = readIfThere(path.join(base, file));
  if (text === undefined || sums?.get(file) !== sha256Of(text)) return undefined;
  const parsed = metadataSchema.safeParse(parsedOrNothing(text));
  if (!parsed.success || parsed.data.step !== step) return undefined;
  return parsed.data.artifacts.every((artifact) => sums.get(artifact.path) === artifact.sha256)
    ? parsed.data
    : undefined;
}

/** Checks that every artifact has its recorded size and, with `rehash`, its recorded sha256. */
export async function isSound(
  base: string,
  metadata: UnitMetadata,
  rehash: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  for (const artifact of metadata.artifacts) {
    const file = path.join(base, artifact.path);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile() || stat.size !== artifact.size_bytes) return false;
    if (rehash && (await hashFile(file, signal)).sha256 !== artifact.sha256) return false;
  }
  return true;
}

/** Links files of a run into a new one, or copies them. Returns true if all were linked. */
export function linkFiles(from: string, to: string, files: readonly string[]): boolean {
  let linked = true;
  for (const file of files) {
    const target = path.join(to, file);
    mkdirSync(path.dirname(target), { recursive: true });
    try {
      linkSync(path.join(from, file), target);
    } catch (error) {
      if (!["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "EOPNOTSUPP"].includes(systemCode(error) ?? "")) throw error;
      copyFileSync(path.join(from, file), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      linked = false;
    }
  }
  return linked;
}

/**
 * Returns the number of runs that took a unit over unread, with this one; 0 if this one has to read it. `before` is the
 * number up to the run before.
 */
export function unreadRuns(before: number | undefined, unitDirectory: string, every: number): number {
  // Units that were built together are not all read in the same run.
  const known = before ?? createHash("sha256").update(unitDirectory).digest().readUInt32BE(0) % every;
  return known + 1 < every ? known + 1 : 0;
}

const sha256Of = (text: Buffer): string => createHash("sha256").update(text).digest("hex");

function parsedOrNothing(text: Buffer): unknown {
  try {
    return parseJson(text.toString("utf8"));
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readRegular(file, DOCUMENT.bytes, "E_VERIFY");
  } catch {
    return undefined;
  }
}
