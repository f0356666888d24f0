/**
 * The documents of runs that name files and people, where the store has them sealed alone: this host, which could not
 * open them, keeps them to see what has changed. They say no more than the site on the same host.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
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

/** Makes the directory ready for a run, and removes what no later run looks at. Throws `E_IO`. */
export function prepareNames(directory: string, store: string, run: string): void {
  const kept = new Set([...listRuns(store).slice(-LOOK_BACK), run]);
  try {
    mkdirSync(path.join(directory, run), { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    for (const name of readdirSync(directory)) if (!kept.has(name)) removeTree(fromString(path.join(directory, name)));
    // Of a run that is resumed, the documents beside its units are written again.
    for (const entry of readdirSync(path.join(directory, run), { withFileTypes: true }))
      if (!entry.isDirectory()) rmSync(path.join(directory, run, entry.name));
  } catch (error) {
    const { message } = asHoldfastError(error, "E_IO");
    throw new HoldfastError("E_IO", `${directory}, where this host keeps what it seals of names: ${message}`, {
      hint: `give ${stateDirectory()} to the user that runs the backup`,
      cause: error,
    });
  }
}
