/** SQLite's values, each of which has a type of its own. */
import type { Cell } from "../../engine/session.ts";
import type { Decoder, PlainValue, ValueRules } from "../../engine/value-rules.ts";
import { textOf } from "../../values/decode.ts";
import { mismatch, unfit } from "../../values/mismatch.ts";
import { INTEGER, LIKE_A_NUMBER, NUMBER } from "../../values/numbers.ts";
import type { Tagged } from "../../format/value.ts";
import type { Column } from "../../schema/tables.ts";
import { exactNumber, makesNumbers, TEXTUAL } from "./affinity.ts";

export const values: ValueRules = {
  isDynamicallyTyped: true,
  hasTimes: false,
  hasZeroDates: false,
  hasBinaryDigits: false,
  hasEmptyEnums: false,
  hasInvalidText: true,
  hasNul: true,
  bytesOf: (cell) => cell,
  decodeInteger: (_column, value) => value,
  decodeNumber: ({ kind }, value) =>
    kind === "decimal" && typeof value === "string" ? exactNumber(value) : Number(value),
  decodeBoolean: (_column, truth, value) => {
    const digits = truth === undefined ? String(value) : truth ? "1" : "0";
    if (!INTEGER.test(digits)) throw mismatch("true or false", JSON.stringify(value));
    return BigInt(digits);
  },
  decodeBytes: (_column, bytes) => bytes,
  decodeText,
  decodeTagged,
  quickDecoder,
};

function decodeText(column: Column, value: PlainValue): Cell {
  const isTextual = TEXTUAL.test(column.native);
  const given = textOf(value);
  if (typeof value !== "string" && !isTextual) return exactNumber(given);
  if (column.kind !== "json" && makesNumbers(column) && LIKE_A_NUMBER.test(given))
    throw unfit(`the text ${JSON.stringify(given.slice(0, 40))}: ${column.native} would convert it to a number`);
  if (column.kind === "json" && !isTextual && NUMBER.test(given.trim())) exactNumber(given.trim());
  return given;
}

function decodeTagged({ kind }: Column, { $, v = "" }: Tagged): Cell | undefined {
  switch ($) {
    case "nan":
      return undefined;
    case "inf":
    case "-inf":
      if (kind !== "float4" && kind !== "float8" && kind !== "decimal") return undefined;
      return $ === "inf" ? Infinity : -Infinity;
    case "bytes":
      return Buffer.from(v, "base64");
    case "integer":
      return BigInt(v);
    case "float":
      return Number(v);
    case "text":
      return v;
  }
}

function quickDecoder(column: Column, decode: Decoder): Decoder {
  const isText = column.kind === "text" || column.kind === "uuid" || column.kind === "array";
  return isText && !makesNumbers(column) ? (value) => (typeof value === "string" ? value : decode(value)) : decode;
}
