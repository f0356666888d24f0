/** Errors for values that a column cannot hold, worded to follow the column's name. */
import { HoldfastError } from "../../errors.ts";

export const unfit = (what: string): HoldfastError => new HoldfastError("E_IMPORT", `cannot hold ${what}`);

export const mismatch = (expected: string, found: string): HoldfastError =>
  new HoldfastError("E_IMPORT", `expects ${expected}, found ${found}`);
