/** What a push keeps in the store until it is done, and what it keeps for good. */
import path from "node:path";

/** Unfinished uploads, and what was acknowledged of runs that are not pushed yet. */
export const stateDirectory = (store: string, target: string): string => path.join(store, ".tmp", "push", target);
