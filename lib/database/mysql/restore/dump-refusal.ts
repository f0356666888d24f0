/** The error for a dump that must not be loaded. */
import { HoldfastError } from "../../../errors.ts";

/** Returns the error for a dump that is not one of a single database. */
export function dumpRefusal(reason: string): HoldfastError {
  return new HoldfastError("E_RESTORE", `the dump was not loaded: ${reason}`, {
    hint: "nothing was changed; load it manually into a new database if you trust it, or take another run",
  });
}
