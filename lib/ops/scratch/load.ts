/** Loads a dump into an unused database, to test it. */
import { databaseEngine } from "../../database/engines/registry.ts";
import type { DatabaseRestorer } from "../../database/restorer.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { DatabaseItem } from "../runs/unit-items.ts";

/**
 * Returns the name to load a dump under. On a private server it is the original name, so that the dump needs no
 * changes; on other servers, or if the name exists, it is `spare`.
 */
export async function scratchName(
  restorer: DatabaseRestorer,
  database: string,
  { isPrivate, spare }: { readonly isPrivate: boolean; readonly spare: string },
): Promise<string> {
  const isFree =
    isPrivate &&
    databaseEngine(restorer.engine).files === undefined &&
    database !== "" &&
    database.toLowerCase() !== restorer.live.toLowerCase() &&
    !(await restorer.exists(database));
  return isFree ? database : spare;
}

/**
 * Checks and loads a dump. Throws `E_TARGET` for a fault of the server, its programs or our privileges, `E_RESTORE` for
 * one of the dump.
 */
export async function loadScratch(
  restorer: DatabaseRestorer,
  dump: string,
  {
    name,
    isPrivate,
    record,
  }: { readonly name: string; readonly isPrivate: boolean; readonly record: DatabaseItem["record"] },
): Promise<void> {
  try {
    if (isPrivate) await restorer.furnish(dump);
    await restorer.check(dump, { restoreFlags: [] });
  } catch (error) {
    throw unfit(error);
  }
  try {
    await restorer.load(dump, name, { onBytes: () => {}, restoreFlags: [], searchPath: record.search_path });
  } catch (error) {
    throw notLoaded(error);
  }
}

/** Phrases of a check's message that point to this server, its programs and privileges, and not to the dump. */
const UNFIT =
  /^the server (?:lacks|does not know)|\bmay not create\b|is not installed|by a superuser only|not on the server$|^the database .* belongs to/;

/** Returns the error for a server or programs of this host that cannot load a dump, which may be sound. */
function unfit(error: unknown): HoldfastError {
  const failure = asHoldfastError(error, "E_RESTORE");
  if (!UNFIT.test(failure.message) && !failure.hint.includes("newer pg_dump")) return failure;
  return new HoldfastError("E_TARGET", failure.message, { hint: failure.hint, cause: error });
}

/**
 * Returns the error for a dump that the server rejects: the dump's fault, unless the disk is full or a privilege is
 * missing.
 */
function notLoaded(error: unknown): HoldfastError {
  const failure = asHoldfastError(error, "E_RESTORE");
  if (["E_NO_SPACE", "E_INTERRUPTED", "E_INTERNAL"].includes(failure.code)) return failure;
  const isOurs = /\b(?:access|permission|command) denied\b|\bmay not create\b/i.test(failure.message);
  return new HoldfastError(isOurs ? "E_TARGET" : "E_RESTORE", failure.message, { hint: failure.hint, cause: error });
}
