/** Converts values from the notation of Django's serializers to that of an export. */
import { HoldfastError } from "../../../errors.ts";
import type { ValueRules } from "../../engine/value-rules.ts";
import type { Cell } from "../../engine/session.ts";
import type { Column } from "../../schema/tables.ts";
import type { JsonValue, Tagged } from "../../format/value.ts";
import { isList, isObject, NumberLiteral, parseJson, toPythonJson, type Json } from "../json/lossless.ts";
import { postgresText } from "./postgres-types.ts";
import { durationText, microsecondsOf, momentText, timeText } from "./timestamps.ts";

const DASHED = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const PLAIN_UUID = /^[0-9a-f]{32}$/i;
const SPECIAL = new Map<string, Tagged["$"]>([
  ["NaN", "nan"],
  ["nan", "nan"],
  ["Infinity", "inf"],
  ["inf", "inf"],
  ["-Infinity", "-inf"],
  ["-inf", "-inf"],
]);

/**
 * Converts a value for a column's export. Throws `E_IMPORT`, worded to follow the column's name, for a value of another
 * kind; a value out of range fails when it is decoded.
 */
export function valueFor(column: Column, value: Json): JsonValue {
  if (value === null) return null;
  const tagged = column.kind === "json" ? undefined : taggedOf(value);
  if (tagged !== undefined) return tagged;
  switch (column.kind) {
    case "json":
      return jsonFor(value);
    case "array":
      return typeof value === "string" && value.startsWith("{")
        ? value
        : arrayText(listOf(value), column.native.split("[]").length - 1);
    case "boolean":
      return typeof value === "string" ? (TRUTHS.get(value) ?? reject(value, "a boolean")) : scalar(value);
    case "integer":
    case "bits":
      return integerFor(scalar(value));
    case "decimal":
      return numberFor(scalar(value), String);
    case "float4":
    case "float8":
      return numberFor(scalar(value), Number);
    case "uuid":
      return uuidFor(scalar(value));
    case "date":
      return momentText(text(value), true);
    case "time":
      return timeText(text(value));
    case "timestamp":
    case "timestamptz":
      return momentText(text(value), false);
    case "interval":
      return durationText(text(value));
    case "bytes":
      return base64For(value);
    case "native":
      return postgresText(column.native, value) ?? textFor(column, value);
    default:
      return textFor(column, value);
  }
}

const TRUTHS = new Map([
  ["true", true],
  ["True", true],
  ["1", true],
  ["false", false],
  ["False", false],
  ["0", false],
]);

/** Returns a tagged value of our own formats, such as `{"$": "nan"}`. */
function taggedOf(value: Json): Tagged | undefined {
  if (!isObject(value)) return undefined;
  const [sign, words] = [value.get("$"), value.get("v")];
  const kinds: readonly Tagged["$"][] = ["nan", "inf", "-inf", "text", "integer", "float", "bytes"];
  const kind = kinds.find((one) => one === sign);
  if (kind === undefined || value.size > 2 || (value.size === 2 && typeof words !== "string")) return undefined;
  return typeof words === "string" ? { $: kind, v: words } : { $: kind };
}

function scalar(value: Json): string | number | boolean {
  if (value instanceof NumberLiteral) return value.source;
  if (value === null || typeof value === "object") return reject(value, "a plain value");
  return value;
}

const text = (value: Json): string => (typeof value === "string" ? value : reject(value, "text"));

function integerFor(value: string | number | boolean): JsonValue {
  if (typeof value !== "string") return typeof value === "number" ? value : Number(value);
  if (/^-?\d+(?:\.0+)?$/.test(value)) return shortest(value.replace(/\.0+$/, ""));
  const microseconds = microsecondsOf(value);
  return microseconds === undefined ? reject(value, "an integer") : shortest(String(microseconds));
}

/** Returns a number if that is exact, else its digits. */
const shortest = (digits: string): number | string =>
  Number.isSafeInteger(Number(digits)) ? Number(digits) : String(BigInt(digits));

function numberFor(value: string | number | boolean, as: (value: string | number) => JsonValue): JsonValue {
  if (typeof value === "boolean") return as(Number(value));
  const sign = SPECIAL.get(String(value));
  if (sign !== undefined) return { $: sign };
  return typeof value === "number" || /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(value)
    ? as(value)
    : reject(value, "a number");
}

function uuidFor(value: string | number | boolean): string {
  if (typeof value !== "string") return reject(value, "a UUID");
  if (DASHED.test(value)) return value.toLowerCase();
  if (!PLAIN_UUID.test(value)) return reject(value, "a UUID");
  return value.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Throws `E_IMPORT` for values that a single engine cannot hold and would reject only after all records are loaded. */
export function assertStorable({ hasZeroDates }: ValueRules, { kind, native }: Column, value: JsonValue): void {
  if (typeof value !== "string") return;
  if (!hasZeroDates && ["date", "timestamp", "timestamptz"].includes(kind) && value.startsWith("0000-00-00"))
    reject(value, "a date and a time (only MySQL has zero dates)");
  if (kind === "json" && native === "jsonb" && /(?<!\\)(?:\\\\)*\\u0000/.test(value))
    reject(value, "JSON without NUL characters");
}

function base64For(value: Json): string {
  const words = text(value);
  const isWhole = words.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(words);
  return isWhole ? words : reject(words.slice(0, 80), "base64");
}

/** Returns a text; without the dashes for a UUID in an engine without UUIDs, as Django stores it. */
function textFor({ kind, length }: Column, value: Json): JsonValue {
  if (isList(value) || isObject(value)) return jsonFor(value);
  const plain = scalar(value);
  if (typeof plain !== "string") return plain;
  if (UNPAIRED.test(plain)) return reject(plain, "text without unpaired surrogates");
  return kind === "text" && length === 32 && DASHED.test(plain) ? plain.replaceAll("-", "").toLowerCase() : plain;
}

/**
 * Returns JSON text; NaN is rejected, as JSON has none. A text is a JSON string, since no dump has JSON source in it.
 */
function jsonFor(value: Json): string {
  const source = toPythonJson(value);
  if (/NaN|Infinity/.test(source) && hasSpecial(value)) return reject(value, "JSON without NaN and Infinity");
  if (source.includes(String.raw`\ud`) && hasUnpaired(value)) return reject(value, "JSON without unpaired surrogates");
  return source;
}

function hasSpecial(value: Json): boolean {
  if (value instanceof NumberLiteral) return SPECIAL.has(value.source);
  return isList(value) ? value.some(hasSpecial) : isObject(value) ? [...value.values()].some(hasSpecial) : false;
}

const UNPAIRED = /\p{Surrogate}/u;

function hasUnpaired(value: Json): boolean {
  if (typeof value === "string") return UNPAIRED.test(value);
  if (isList(value)) return value.some(hasUnpaired);
  return isObject(value) && [...value].some(([name, one]) => UNPAIRED.test(name) || hasUnpaired(one));
}

function listOf(value: Json): readonly Json[] {
  const found = typeof value === "string" ? parsedList(value) : value;
  return isList(found) ? found : reject(value, "a list");
}

function parsedList(value: string): Json {
  try {
    return parseJson(value);
  } catch {
    return reject(value, "a list");
  }
}

/** Returns a PostgreSQL array literal. In an array of arrays, Django writes each inner one as a text. */
export const arrayText = (items: readonly Json[], dimensions = 1): string =>
  `{${items
    .map((item) => {
      if (item === null) return "NULL";
      if (isList(item) || dimensions > 1) return arrayText(listOf(item), dimensions - 1);
      const word = isObject(item) ? toPythonJson(item) : String(scalar(item));
      return /^[\w.+-]+$/.test(word) && !/^null$/i.test(word)
        ? word
        : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
    })
    .join(",")}}`;

function reject(value: Json, expected: string): never {
  const words = typeof value === "string" ? JSON.stringify(value) : toPythonJson(value);
  throw new HoldfastError("E_IMPORT", `expects ${expected}, found ${words.slice(0, 80)}`);
}

/** Returns the value for an untyped SQLite column, so that an export reads the very same value. */
export function scratchCell({ kind }: Column, value: JsonValue): Cell {
  if (value === null) return null;
  if (typeof value === "object") {
    const words: Partial<Record<Tagged["$"], string>> = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" };
    return words[value.$] ?? (value.$ === "bytes" ? Buffer.from(value.v ?? "", "base64") : (value.v ?? ""));
  }
  switch (kind) {
    case "boolean":
      return typeof value === "boolean" ? BigInt(value) : String(value);
    case "integer":
    case "bits":
      return BigInt(value);
    case "float4":
    case "float8":
      return Number(value);
    case "bytes":
      return Buffer.from(String(value), "base64");
    default:
      return typeof value === "boolean" ? (value ? "1" : "0") : String(value);
  }
}
