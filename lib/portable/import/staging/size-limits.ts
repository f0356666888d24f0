/** Checks whether a database can hold a large value before anything is written. */
import { HoldfastError } from "../../../errors.ts";
import type { LargeLimit } from "../../engine/large-values.ts";
import type { ValueRules } from "../../engine/value-rules.ts";
import type { Column, Kind } from "../../schema/tables.ts";
import type { LargeTag } from "../../format/large-value.ts";

const NUMBERS: ReadonlySet<Kind> = new Set(["integer", "decimal", "float4", "float8", "boolean", "bits"]);
const TEXTS: ReadonlySet<Kind> = new Set(["text", "json", "array", "native", "enum", "set"]);
const PLAIN_TEXTS: ReadonlySet<Kind> = new Set(["text", "native", "enum", "set"]);

/** Returns the form of a large value in a column. Throws `E_IMPORT`, worded to follow the column's name. */
export function fitLarge(
  { isDynamicallyTyped }: Pick<ValueRules, "isDynamicallyTyped">,
  column: Column,
  { as, bytes }: LargeTag,
  limit: LargeLimit,
): "text" | "bytes" {
  const { kind, native } = column;
  const most = [limit, ...roomOf(column)].reduce((least, one) => (one.bytes < least.bytes ? one : least));
  if (bytes > most.bytes) throw tooLarge(`a value of ${bytes} bytes; the limit of ${most.of} is ${most.bytes}`);
  if (as !== undefined) {
    if (isDynamicallyTyped || (as === "bytes" && kind === "bytes")) return as;
    if (as === "text" && PLAIN_TEXTS.has(kind)) return "text";
  } else if (kind === "bytes") {
    return "bytes";
  } else if (TEXTS.has(kind) || (isDynamicallyTyped && !NUMBERS.has(kind))) {
    return "text";
  }
  throw tooLarge(`a large value of ${bytes} bytes; it takes ${native}`);
}

const roomOf = ({ kind, native, octets, length }: Column): LargeLimit[] => [
  ...(octets === undefined ? [] : [{ bytes: octets, of: native }]),
  ...(kind === "bytes" && length !== undefined ? [{ bytes: length, of: native }] : []),
];

const tooLarge = (what: string): HoldfastError => new HoldfastError("E_IMPORT", `cannot hold ${what}`);
