/** Decodes exported values to what an engine reads. */
import type { Cell } from "../engine/session.ts";
import type { Decoder, PlainValue, ValueRules } from "../engine/value-rules.ts";
import type { JsonValue, Tagged } from "../format/value.ts";
import type { Column, Kind } from "../schema/tables.ts";
import { convertFromSource } from "./kind-conversion.ts";
import { mismatch, unfit } from "./mismatch.ts";
import { assertExact, INTEGER, NUMBER } from "./numbers.ts";

const NUMBERS: ReadonlySet<Kind> = new Set(["integer", "decimal", "float4", "float8", "boolean", "bits"]);
const TEXTS: ReadonlySet<Kind> = new Set(["text", "native", "enum", "set"]);

/**
 * Decodes an exported value for a column of any engine. Throws `E_IMPORT` for a value that it cannot hold, in words
 * that follow the column's name.
 */
export function decode(rules: ValueRules, column: Column, value: JsonValue): Cell {
  if (value === null) return null;
  if (typeof value === "object") return rules.decodeTagged(column, value) ?? decodeTagged(rules, column, value);
  switch (column.kind) {
    case "boolean":
      return rules.decodeBoolean(column, truthOf(value), value);
    case "bytes":
      if (typeof value !== "string") throw mismatch("bytes", "a number or boolean");
      return rules.decodeBytes(column, Buffer.from(value, "base64"));
    case "integer":
      return rules.decodeInteger(column, integerOf(column, value));
    case "bits":
      return decodeBits(rules, column, value);
    case "float4":
    case "float8":
    case "decimal":
      if (typeof value === "boolean" || (typeof value === "string" && !NUMBER.test(value)))
        throw mismatch("numbers", JSON.stringify(value));
      if (column.kind !== "float8" || typeof value === "string") assertExact(column, String(value));
      return rules.decodeNumber(column, value);
    case "enum":
    case "set":
      return labelled(rules, column, textOf(value));
    default:
      return rules.decodeText(column, value);
  }
}

/** Returns a decoder for one column, many times as fast as `decode`; it throws alike. */
export function decoderOf(rules: ValueRules, column: Column): Decoder {
  const own = rules.quickDecoder(column, (value) => decode(rules, column, value));
  return column.sourceKind === undefined ? own : (value) => own(convertFromSource(column, value));
}

/** Returns a plain value as text; booleans as 1 and 0. */
export const textOf = (value: PlainValue): string => (typeof value === "boolean" ? (value ? "1" : "0") : String(value));

const truthOf = (value: PlainValue): boolean | undefined =>
  typeof value === "boolean" ? value : { "1": true, "0": false, t: true, f: false }[String(value)];

/** Returns the integer that a value is. Throws `E_IMPORT` if it is not one, or out of the column's range. */
export function integerOf(column: Column, value: PlainValue): bigint {
  const digits = textOf(value).replace(/\.0+$/, "");
  if (!INTEGER.test(digits)) throw mismatch("whole numbers", JSON.stringify(value));
  const bits = BigInt(column.length ?? 64);
  const [least, most] =
    column.unsigned === true ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  const number = BigInt(digits);
  if (number < least || number > most) throw mismatch(`${least} to ${most}`, digits);
  return number;
}

/** Decodes bits as all their digits, or as a number for MySQL, which would take text for its bytes. */
function decodeBits(rules: ValueRules, column: Column, value: PlainValue): Cell {
  const { length = 1 } = column;
  const number = integerOf({ ...column, length, unsigned: true }, value);
  return rules.hasBinaryDigits ? number.toString(2).padStart(length, "0") : number;
}

/** Rejects unknown labels: MySQL takes a number for the label at that position, and ignores the case of a label. */
function labelled(rules: ValueRules, { kind, native, labels }: Column, given: string): string {
  if (labels === undefined) return withoutNul(rules, given);
  const words = kind === "enum" ? [given] : given === "" ? [] : given.split(",");
  const other = words.find((word) => !labels.includes(word));
  if (other !== undefined) throw mismatch(`a label of ${native.slice(0, 60)}`, JSON.stringify(other.slice(0, 40)));
  return given;
}

/** Decodes a tagged value for a column of fixed type. Another database would misread a number in other columns. */
function decodeTagged(rules: ValueRules, column: Column, { $, v = "" }: Tagged): Cell {
  switch ($) {
    case "nan":
      throw unfit("not a number (NaN)");
    case "inf":
    case "-inf":
      throw unfit("an infinite value");
    case "bytes":
      if (column.kind !== "bytes") throw mismatch(column.native, "bytes");
      return rules.decodeBytes(column, Buffer.from(v, "base64"));
    case "integer":
    case "float":
      if (!NUMBERS.has(column.kind)) throw mismatch(column.native, `the number ${v}`);
      return decode(rules, column, v);
    case "text":
      if (!TEXTS.has(column.kind)) throw mismatch(column.native, `the text ${JSON.stringify(v.slice(0, 40))}`);
      return withoutNul(rules, v);
  }
}

/** Throws `E_IMPORT` for text with a NUL byte, if the engine cannot hold it. */
export function withoutNul({ hasNul }: Pick<ValueRules, "hasNul">, value: string): string {
  if (!hasNul && value.includes("\0")) throw unfit("a text with a NUL byte");
  return value;
}
