/** Numbers in text, and the checks that a column keeps them exactly. */
import { canonicalDouble, canonicalNumber } from "../../database/digest/canonical.ts";
import type { Column } from "../schema/tables.ts";
import { mismatch, unfit } from "./mismatch.ts";

export const INTEGER = /^-?\d+$/;
export const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
/** Matches text that a database reads as a number. */
export const LIKE_A_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** Throws `E_IMPORT` for numbers with too many digits: the engines round them silently. */
export function assertExact({ kind, native, scale }: Column, number: string): void {
  const kept = kind === "float4" ? Math.fround(Number(number)) : Number(number);
  if (kind !== "decimal" && canonicalDouble(kept) !== canonicalNumber(number))
    throw unfit(`${number} exactly: ${native} would store ${kept}`);
  if (kind !== "decimal" || scale === undefined) return;
  const [, fraction, zeros = ""] = /\.(\d+)$|(0*)$/.exec(canonicalNumber(number)) ?? [];
  const digits = fraction?.length ?? -zeros.length; // PostgreSQL's scale may be negative
  if (digits > scale && Number(number) !== 0) throw mismatch(`at most ${scale} decimal places`, number);
}
