/** The rules of servers for columns of fixed types, which would silently shorten, round or pad what does not fit. */
import { canonicalTime } from "../../database/digest/canonical.ts";
import type { Decoder } from "../engine/value-rules.ts";
import type { Column } from "../schema/tables.ts";
import { mismatch, unfit } from "./mismatch.ts";
import { isTime, timeForm, TIMES } from "./timestamps.ts";

/** The bound for values that every integer column of 32 bits or more accepts. */
const SMALL = 2 ** 31;

/** Returns text as the server reads it. Throws `E_IMPORT` for text that it would change. */
export function serverText(column: Column, given: string): string {
  const text = TIMES.has(column.kind) ? serverTime(column, given) : given;
  assertNotShortened(column, text);
  return text;
}

/** Rejects times in other notations than the server's: it would truncate or guess them. */
function serverTime(column: Column, text: string): string {
  const time = timeForm(column.kind, text);
  if (!isTime(column, time)) throw mismatch(column.native, JSON.stringify(text.slice(0, 40)));
  return time;
}

/** Rejects text that a server would silently shorten: it rounds fractional seconds, and drops blanks at the end. */
function assertNotShortened({ kind, native, precision, length }: Column, text: string): void {
  if (TIMES.has(kind) && precision !== undefined) {
    const digits = /\.(\d+)/.exec(canonicalTime(text))?.[1]?.length ?? 0;
    if (digits > precision) throw mismatch(`at most ${precision} digits of fractional seconds`, text);
  }
  const isFilled = /^(?:bp)?char(?:acter)?\(/.test(native);
  if (kind === "text" && isFilled && text.endsWith(" "))
    throw unfit(`${JSON.stringify(text.slice(0, 40))}: ${native} drops blanks at the end`);
  if (kind === "text" && length !== undefined && [...text.replace(/ +$/, "")].length > length)
    throw mismatch(`at most ${length} characters`, `${JSON.stringify(text.slice(0, 40))}…`);
  if (kind === "text" && length !== undefined && text.endsWith(" ") && [...text].length > length)
    throw mismatch(`at most ${length} characters`, JSON.stringify(text.slice(0, 40)));
}

/** Matches numbers without an exponent, and their decimal places. */
const DECIMAL = /^-?\d+(?:\.(\d+))?$/;

/** Decodes the common integers, decimals and texts quickly, and leaves all others to `decode`. */
export function quickServerDecoder(column: Column, decode: Decoder): Decoder {
  const { kind, length = kind === "text" ? Infinity : 64, unsigned = false, scale = Infinity } = column;
  if (kind === "integer" && length >= 32) {
    const least = unsigned ? 0 : -SMALL;
    return (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= least && value < SMALL
        ? String(value)
        : decode(value);
  }
  if (kind === "decimal" && scale >= 0)
    return (value) => {
      const digits = typeof value === "string" ? DECIMAL.exec(value) : null;
      return digits !== null && (digits[1] ?? "").length <= scale ? digits[0] : decode(value);
    };
  if (kind === "text" || kind === "uuid" || kind === "array")
    return (value) =>
      typeof value === "string" &&
      (kind !== "text" || value.length <= length) &&
      !value.includes("\0") &&
      !value.endsWith(" ")
        ? value
        : decode(value);
  return decode;
}
