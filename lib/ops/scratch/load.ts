/** Loading a dump into a database that nobody uses, to prove it. */
import type { DatabaseRestorer } from "../../database/restorer.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { DatabaseItem } from "../runs/unit-items.ts";

/**
 * Returns the name to load a dump under. On a private server it is the dump's own, so that nothing in the dump has to be changed; elsewhere,
 * and where a private server has that name already, it is `spare`.
 */
export async function scratchName(
  restorer: DatabaseRestorer,
  database: string,
  { isPrivate, spare }: { readonly isPrivate: boolean; readonly spare: string },
): Promise<string> {
  const isFree =
    isPrivate &&
    restorer.engine !== "sqlite" &&
    database !== "" &&
    database.toLowerCase() !== restorer.live.toLowerCase() &&
    !(await restorer.exists(database));
  return isFree ? database : spare;
}

/** Checks and loads a dump. Throws `E_TARGET` where the server, its programs or our rights are at fault, `E_RESTORE` where the dump is. */
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

/** Words of a check that tell of this server, its programs and its rights, and not of the dump. */
const UNFIT =
  /^the server (?:lacks|does not know)|\bmay not create\b|is not installed|by a superuser only|not on the server$|^the database .* belongs to/;

/** A dump that the server or the programs of this host cannot load may be good all the same. */
function unfit(error: unknown): HoldfastError {
  const failure = asHoldfastError(error, "E_RESTORE");
  if (!UNFIT.test(failure.message) && !failure.hint.includes("newer pg_dump")) return failure;
  return new HoldfastError("E_TARGET", failure.message, { hint: failure.hint, cause: error });
}

/** The server answers and refuses the dump: that is the dump's fault, unless the disk is full or a right is missing. */
function notLoaded(error: unknown): HoldfastError {
  const failure = asHoldfastError(error, "E_RESTORE");
  if (["E_NO_SPACE", "E_INTERRUPTED", "E_INTERNAL"].includes(failure.code)) return failure;
  const isOurs = /\b(?:access|permission|command) denied\b|\bmay not create\b/i.test(failure.message);
  return new HoldfastError(isOurs ? "E_TARGET" : "E_RESTORE", failure.message, { hint: failure.hint, cause: error });
}
