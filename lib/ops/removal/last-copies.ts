/** Finds the units that would be lost with runs: no run that stays holds a good copy of them. */
import { lstatSync } from "node:fs";
import path from "node:path";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
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

interface MetadataFile {
  readonly step: StepName;
  readonly file: string;
}

type Units = ReadonlyMap<string, readonly MetadataFile[]>;
type Sums = ReadonlyMap<string, string> | undefined;

/** The copies of units in the runs of a store. What was read once is remembered. */
export class UnitCopies {
  readonly #store: string;
  readonly #signal: AbortSignal;
  readonly #units = new Map<string, Units>();
  readonly #sums = new Map<string, Sums>();
  readonly #metadata = new Map<string, UnitMetadata | undefined>();
  readonly #sound = new Map<string, boolean>();

  constructor(store: string, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
  }

  /** Returns the metadata files of a run by the directory of their unit. */
  unitsOf(run: string): Units {
    const known = this.#units.get(run);
    if (known !== undefined) return known;
    const units = new Map<string, MetadataFile[]>();
    for (const step of STEP_NAMES)
      for (const file of listMetadata(runDirectory(this.#store, run), step))
        units.set(unitOf(file), [...(units.get(unitOf(file)) ?? []), { step, file }]);
    this.#units.set(run, units);
    return units;
  }

  /**
   * Checks that a run holds an undamaged copy of a unit: its metadata and artifacts match the run's record. Artifacts
   * are read for that, unless each of `others` that holds the unit has the same files.
   */
  async holds(run: string, unit: string, others: readonly string[]): Promise<boolean> {
    const files = this.unitsOf(run).get(unit) ?? [];
    for (const { step, file } of files) {
      this.#signal.throwIfAborted();
      const metadata = this.#metadataOf(run, step, file);
      if (metadata === undefined) return false;
      const isShared = others.every((other) => !this.unitsOf(other).has(unit) || this.#share(run, other, metadata));
      if (!(await this.#isSound(run, metadata, !isShared))) return false;
    }
    return files.length > 0;
  }

  #metadataOf(run: string, step: StepName, file: string): UnitMetadata | undefined {
    const key = `${run}/${file}`;
    if (!this.#metadata.has(key)) {
      const read = readSoundMetadata(runDirectory(this.#store, run), this.#sumsOf(run), step, file);
      this.#metadata.set(key, read);
    }
    return this.#metadata.get(key);
  }

  async #isSound(run: string, metadata: UnitMetadata, rehash: boolean): Promise<boolean> {
    const key = `${rehash} ${run} ${metadata.artifacts.map(({ path: artifact }) => artifact).join("\0")}`;
    let sound = this.#sound.get(key);
    if (sound === undefined) {
      sound = await isSound(runDirectory(this.#store, run), metadata, rehash, this.#signal);
      this.#sound.set(key, sound);
    }
    return sound;
  }

  #sumsOf(run: string): Sums {
    if (!this.#sums.has(run)) this.#sums.set(run, readSums(runDirectory(this.#store, run)));
    return this.#sums.get(run);
  }

  /** Checks whether all artifacts are hard links of those in the other run, so that both copies are equally good. */
  #share(run: string, other: string, metadata: UnitMetadata): boolean {
    return metadata.artifacts.every(({ path: artifact }) => {
      const [here, there] = [run, other].map((one) =>
        lstatSync(path.join(runDirectory(this.#store, one), artifact), { bigint: true, throwIfNoEntry: false }),
      );
      return here !== undefined && here.ino === there?.ino && here.dev === there.dev;
    });
  }
}

/**
 * Returns the runs of `going` that hold the last good copy of a unit, each with these units, once the other runs of
 * `going` are removed and those of `kept` stay. Of several copies the first in the order of `going` stays; in the order
 * of `kept` they are looked for.
 */
export async function findLastCopies(
  copies: UnitCopies,
  going: readonly string[],
  kept: readonly string[],
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const holdersIn = (runs: readonly string[], unit: string): string[] =>
    runs.filter((run) => copies.unitsOf(run).has(unit));
  const keepOne = async (unit: string): Promise<void> => {
    const holders = holdersIn(going, unit);
    const inOrder = [...holders.filter((run) => found.has(run)), ...holders.filter((run) => !found.has(run))];
    const run = (inOrder.length > 1 ? await firstSound(copies, unit, inOrder, inOrder) : undefined) ?? inOrder[0];
    if (run === undefined) return;
    const units = found.get(run) ?? [];
    units.push(unit);
    found.set(run, units);
  };
  const units = [...new Set(going.flatMap((run) => [...copies.unitsOf(run).keys()]))];
  const isListed = (unit: string): boolean => kept.some((run) => copies.unitsOf(run).has(unit));
  // By name first: of a run that stays anyway nothing else needs to be read.
  for (const unit of units) if (!isListed(unit)) await keepOne(unit);
  for (const unit of units.filter(isListed)) {
    const leaving = holdersIn(going, unit).filter((run) => !found.has(run));
    const staying = holdersIn([...kept, ...found.keys()], unit);
    if (leaving.length > 0 && (await firstSound(copies, unit, staying, leaving)) === undefined) await keepOne(unit);
  }
  return found;
}

/** Returns the first run that holds an undamaged copy, at least as good as those of `others`. */
async function firstSound(
  copies: UnitCopies,
  unit: string,
  runs: readonly string[],
  others: readonly string[],
): Promise<string | undefined> {
  for (const run of runs)
    if (
      await copies.holds(
        run,
        unit,
        others.filter((other) => other !== run),
      )
    )
      return run;
  return undefined;
}
