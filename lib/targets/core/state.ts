/** Files that a push keeps in the store until it is done. */
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { LEFTOVER } from "../../store/files/atomic.ts";

/** Unfinished uploads, and what was acknowledged of runs that are not pushed yet. */
export const stateDirectory = (store: string, target: string): string => path.join(store, ".tmp", "push", target);

/** Removes the drafts of documents that a push which was killed left. */
export function sweepDrafts(store: string, target: string): void {
  const directory = stateDirectory(store, target);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return; // nothing was ever pushed
  }
  for (const name of names) if (LEFTOVER.test(name)) rmSync(path.join(directory, name), { force: true });
}
