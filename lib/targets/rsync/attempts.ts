/**
 * The directories of a run in `runs/`: its own name, or `.in-<run>.<n>` for the n-th attempt to send it. One that has
 * SHA256SUMS is complete, whatever its name: some accounts cannot rename.
 */
import { isRunId } from "../../store/files/layout.ts";

/** A directory of `runs/` on a target. */
export interface RunPlace {
  readonly run: string;
  /** Its name in `runs/`. */
  readonly name: string;
  /** 0 for a directory with the run's own name. */
  readonly attempt: number;
}

export const attemptName = (run: string, attempt: number): string => `.in-${run}.${attempt}`;

/** Returns what a name in `runs/` stands for; undefined for any other name. */
export function parseRunPlace(name: string): RunPlace | undefined {
  if (isRunId(name)) return { run: name, name, attempt: 0 };
  const [, run = "", attempt = ""] = /^\.in-(\w+)\.([1-9]\d{0,8})$/.exec(name) ?? [];
  return isRunId(run) ? { run, name, attempt: Number(attempt) } : undefined;
}

/** Directories of a run on a target. */
export interface FoundRun {
  /** The name of the directory that is complete. */
  readonly complete: string | undefined;
  /** Directories that are not complete, oldest first. */
  readonly attempts: readonly string[];
  /** The number of the next attempt. */
  readonly next: number;
}

export const NOTHING_FOUND: FoundRun = { complete: undefined, attempts: [], next: 1 };

/** Sorts the directories of a target by run; `complete` has the names of those with SHA256SUMS. */
export function groupByRun(names: readonly string[], complete: ReadonlySet<string>): Map<string, FoundRun> {
  const places = names.map(parseRunPlace).filter((place) => place !== undefined);
  const runs = new Map<string, FoundRun>();
  for (const { run, name, attempt } of places.toSorted((a, b) => a.attempt - b.attempt)) {
    const before = runs.get(run) ?? NOTHING_FOUND;
    runs.set(run, {
      complete: before.complete ?? (complete.has(name) ? name : undefined),
      attempts: complete.has(name) ? before.attempts : [...before.attempts, name],
      next: attempt + 1,
    });
  }
  return runs;
}
