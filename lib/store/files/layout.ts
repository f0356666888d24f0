/** Paths in a store, and the ids of runs. docs/design.md describes the whole tree. */
import { readdirSync } from "node:fs";
import path from "node:path";

export const INCOMPLETE = ".incomplete-";
const TRASH = "prune-";
const RUN_ID = /^\d{8}T\d{6}Z$/;

export const runsDirectory = (store: string): string => path.join(store, "runs");
export const runDirectory = (store: string, run: string): string => path.join(store, "runs", run);
export const stagingDirectory = (store: string, run: string): string => path.join(store, "runs", INCOMPLETE + run);
/** Returns the directory for temporary files of a run's processes. */
export const scratchDirectory = (store: string, run: string): string => path.join(store, ".tmp", run);

/** Returns a directory into which runs are moved to be deleted. */
export const trashDirectory = (store: string, id: string): string => path.join(store, ".tmp", `${TRASH}${id}`);
/** A document of the store that was being written, by a holder of the lock. */
const DRAFT = /^\.last_good\..*\.new$/;
/** Checks whether a name in `.tmp` is of a run's temporary files, of runs that were being deleted, or of a draft. */
export const isLeftover = (name: string): boolean => RUN_ID.test(name) || name.startsWith(TRASH) || DRAFT.test(name);

/** Lists the ids of the published runs, oldest first. */
export function listRuns(store: string): string[] {
  return names(runsDirectory(store)).filter((name) => RUN_ID.test(name));
}

/** Lists the ids of runs that were begun and not published, oldest first. */
export function listIncomplete(store: string): string[] {
  return names(runsDirectory(store))
    .filter((name) => name.startsWith(INCOMPLETE) && RUN_ID.test(name.slice(INCOMPLETE.length)))
    .map((name) => name.slice(INCOMPLETE.length));
}

/** Checks whether `name` has the form of a run id. */
export const isRunId = (name: string): boolean => RUN_ID.test(name);

/** Returns the id of a run that starts at `now`: UTC to the second, and later than `newest`. */
export function nextRunId(now: Date, newest: string | undefined): string {
  const id = runIdOf(now);
  if (newest === undefined || id > newest) return id;
  return runIdOf(new Date(timeOfRun(newest).getTime() + 1000));
}

const runIdOf = (time: Date): string => `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

/** Returns a path of the site as runs write it: relative to the root if it lies inside, empty for the root. */
export const placeOf = (root: string, file: string): string =>
  file === root ? "" : file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file;

/** Returns the time in a run id. */
export function timeOfRun(run: string): Date {
  return new Date(run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return []; // a store that has no runs yet
  }
}
