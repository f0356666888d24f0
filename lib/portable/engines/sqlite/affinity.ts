/** The types that SQLite gives to values: https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
import { canonicalDouble, canonicalNumber } from "../../../database/digest/canonical.ts";
import type { Column } from "../../schema/tables.ts";
import { unfit } from "../../values/mismatch.ts";
import { INTEGER } from "../../values/numbers.ts";

/** Matches declared types for which SQLite keeps text, even if it looks like a number. */
export const TEXTUAL = /char|clob|text/i;

/** Checks whether SQLite makes a number of a text that looks like one. */
export const makesNumbers = ({ native, asIs = false }: Column): boolean =>
  !asIs && native !== "" && (/int/i.test(native) || (!TEXTUAL.test(native) && !/blob/i.test(native)));

/**
 * Returns the number that SQLite stores. It converts anything that looks like a number, also in JSON of a declared type
 * that sounds like a number. Throws `E_IMPORT` for a number that it cannot keep exactly.
 */
export function exactNumber(value: string): number | bigint {
  const number = Number(value);
  if (INTEGER.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value))
    return Number.isSafeInteger(number) ? number : BigInt(value);
  if (canonicalNumber(value) !== canonicalDouble(number)) throw unfit(`${value} exactly: SQLite would store ${number}`);
  return number;
}
