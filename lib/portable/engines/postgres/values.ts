/** PostgreSQL's values: https://www.postgresql.org/docs/current/datatype.html */
import type { Cell } from "../../engine/session.ts";
import type { Decoder, ValueRules } from "../../engine/value-rules.ts";
import { textOf, withoutNul } from "../../values/decode.ts";
import { mismatch, unfit } from "../../values/mismatch.ts";
import { LIKE_A_NUMBER } from "../../values/numbers.ts";
import { quickServerDecoder, serverText } from "../../values/server-columns.ts";
import { TIMES } from "../../values/timestamps.ts";
import type { Column, Kind } from "../../schema/tables.ts";

const FLOATS: ReadonlySet<Kind> = new Set(["float4", "float8", "decimal"]);
/** Matches times in the form in which PostgreSQL writes them. */
const PLAIN_TIME = /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]) \d\d:\d\d:\d\d(?:\.\d{0,5}[1-9])?$/;
/** Matches dates that only MySQL has: of the year, month or day 0. */
const ZERO_DATE = /^0000-|^\d{4}-(?:00|\d\d-00)/;

export const values: ValueRules = {
  isDynamicallyTyped: false,
  hasTimes: true,
  hasZeroDates: false,
  hasBinaryDigits: true,
  hasEmptyEnums: false,
  hasInvalidText: false,
  hasNul: false,
  bytesOf: (cell) => (typeof cell === "string" && cell.startsWith("\\x") ? Buffer.from(cell.slice(2), "hex") : cell),
  decodeInteger: (_column, value) => String(value),
  decodeNumber: (_column, value) => String(value),
  decodeBoolean: (_column, truth, value) => {
    if (truth === undefined) throw mismatch("true or false", JSON.stringify(value));
    return truth ? "t" : "f";
  },
  decodeBytes: (_column, bytes) => bytes,
  decodeText: (column, value) => decodeText(column, withoutNul(values, textOf(value))),
  decodeTagged: ({ kind }, { $ }) => {
    if ($ === "nan" && FLOATS.has(kind)) return "NaN";
    if (($ === "inf" || $ === "-inf") && (FLOATS.has(kind) || TIMES.has(kind)))
      return $ === "inf" ? "Infinity" : "-Infinity";
    return undefined;
  },
  quickDecoder,
};

function decodeText(column: Column, given: string): Cell {
  if (column.kind === "interval" && LIKE_A_NUMBER.test(given)) throw mismatch("an interval", `the number ${given}`);
  if (column.native.startsWith("bit varying") && !/^[01]*$/.test(given))
    throw mismatch(column.native, JSON.stringify(given.slice(0, 40)));
  const text = serverText(column, given);
  if (TIMES.has(column.kind) && ZERO_DATE.test(text)) throw unfit(`${given}, which is not a date in PostgreSQL`);
  return text;
}

function quickDecoder(column: Column, decode: Decoder): Decoder {
  const { kind, precision } = column;
  if (kind === "json") return (value) => (typeof value === "string" && !value.includes("\0") ? value : decode(value));
  if ((kind === "timestamp" || kind === "timestamptz") && precision === 6)
    return (value) => (typeof value === "string" && PLAIN_TIME.test(value) ? value : decode(value));
  return quickServerDecoder(column, decode);
}
