/**
 * The documents of runs that name files and people, where the store has them sealed alone: this host, which could not
 * open them, keeps them to see what has changed. They say no more than the site on the same host.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../archive/tree/remove.ts";
import { fromString } from "../archive/path.ts";
import { asHoldfastError, HoldfastError } from "../errors.ts";
import { storeSchema } from "../model/run.ts";
import type { Seal } from "../model/seal.ts";
import { tryReadDocument } from "./files/json-documents.ts";
import { listRuns } from "./files/layout.ts";
import { stateDirectory } from "./known-stores.ts";
import { LOOK_BACK } from "./run/previous-runs.ts";

const ID = /^[\w-]{1,64}$/;

/** Returns the directory for the runs of a store; undefined where names are not sealed, or there is no store yet. */
export function namesDirectory(store: string, seal: Seal | undefined): string | undefined {
  if (seal?.names !== true) return undefined;
  const id = tryReadDocument(path.join(store, "store.json"), storeSchema)?.id;
  return id !== undefined && ID.test(id) ? path.join(stateDirectory(), "names", id) : undefined;
}

/**
 * Makes the directory ready for a run, and removes what no later run looks at. Returns warnings of what another user made
 * there and this one cannot remove. Throws `E_SEAL` where nothing can be kept.
 */
export function prepareNames(directory: string, store: string, run: string): string[] {
  const kept = new Set([...listRuns(store).slice(-LOOK_BACK), run]);
  const own = path.join(directory, run);
  try {
    mkdirSync(own, { recursive: true, mode: 0o700 });
    // Of a run that is resumed, the documents beside its units are written again.
    for (const entry of readdirSync(own, { withFileTypes: true }))
      if (!entry.isDirectory()) rmSync(path.join(own, entry.name));
    const old = readdirSync(directory).filter((name) => !kept.has(name));
    return old.flatMap((name) => removed(path.join(directory, name)));
  } catch (error) {
    const { message } = asHoldfastError(error, "E_IO");
    throw new HoldfastError("E_SEAL", `the sealed names of the run cannot be kept in ${directory}: ${message}`, {
      hint: `give ${stateDirectory()} to the user that runs the backup: chown -R USER ${stateDirectory()}`,
      cause: error,
    });
  }
}

/** Removes a directory. Returns a warning if it could not. */
function removed(directory: string): string[] {
  try {
    removeTree(fromString(directory));
    return [];
  } catch (error) {
    return [`${directory} is not needed any more, and cannot be removed: ${asHoldfastError(error, "E_IO").message}`];
  }
}
