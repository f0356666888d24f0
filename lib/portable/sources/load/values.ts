/** Values as Django's serialisers write them, as a column takes them. */
import { HoldfastError } from "../../../errors.ts";
import type { EngineName } from "../../../database/snapshot.ts";
import type { Cell } from "../../connection.ts";
import type { Column } from "../../schema/tables.ts";
import type { JsonValue, Tagged } from "../../values/codec.ts";
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
 * The value as an export of this column has it. Throws `E_IMPORT`, in words that fit behind the column's name, where it is of another kind; what is only out of range
 * shows when it is decoded.
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
      return typeof value === "string" ? (TRUTHS.get(value) ?? refuse(value, "a truth value")) : scalar(value);
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

/** `{"$": "nan"}`, as our own formats have it. */
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
  if (value === null || typeof value === "object") return refuse(value, "a plain value");
  return value;
}

const text = (value: Json): string => (typeof value === "string" ? value : refuse(value, "a text"));

function integerFor(value: string | number | boolean): JsonValue {
  if (typeof value !== "string") return typeof value === "number" ? value : Number(value);
  if (/^-?\d+(?:\.0+)?$/.test(value)) return shortest(value.replace(/\.0+$/, ""));
  const microseconds = microsecondsOf(value);
  return microseconds === undefined ? refuse(value, "a whole number") : shortest(String(microseconds));
}

/** A number where that keeps it, else its digits. */
const shortest = (digits: string): number | string =>
  Number.isSafeInteger(Number(digits)) ? Number(digits) : String(BigInt(digits));

function numberFor(value: string | number | boolean, as: (value: string | number) => JsonValue): JsonValue {
  if (typeof value === "boolean") return as(Number(value));
  const sign = SPECIAL.get(String(value));
  if (sign !== undefined) return { $: sign };
  return typeof value === "number" || /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(value)
    ? as(value)
    : refuse(value, "a number");
}

function uuidFor(value: string | number | boolean): string {
  if (typeof value !== "string") return refuse(value, "a UUID");
  if (DASHED.test(value)) return value.toLowerCase();
  if (!PLAIN_UUID.test(value)) return refuse(value, "a UUID");
  return value.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Throws `E_IMPORT` for what one engine alone cannot hold, and does not say before all the records are there. */
export function refuseStrange(engine: EngineName, { kind, native }: Column, value: JsonValue): void {
  if (typeof value !== "string") return;
  const isMysql = engine === "mysql" || engine === "mariadb";
  if (!isMysql && ["date", "timestamp", "timestamptz"].includes(kind) && value.startsWith("0000-00-00"))
    refuse(value, "a date and a time, which only MySQL has of zeros");
  if (kind === "json" && native === "jsonb" && /(?<!\\)(?:\\\\)*\\u0000/.test(value))
    refuse(value, "JSON without NUL characters");
}

function base64For(value: Json): string {
  const words = text(value);
  const isWhole = words.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(words);
  return isWhole ? words : refuse(words.slice(0, 80), "base64");
}

/** Where an engine has no UUIDs, Django keeps their 32 digits. */
function textFor({ kind, length }: Column, value: Json): JsonValue {
  if (isList(value) || isObject(value)) return jsonFor(value);
  const plain = scalar(value);
  if (typeof plain !== "string") return plain;
  if (HALF.test(plain)) return refuse(plain, "a text, which has no half of a character");
  return kind === "text" && length === 32 && DASHED.test(plain) ? plain.replaceAll("-", "").toLowerCase() : plain;
}

/** What is no JSON to begin with (NaN) cannot be kept. A text is the source of JSON in no dump: it is a JSON string. */
function jsonFor(value: Json): string {
  const source = toPythonJson(value);
  if (/NaN|Infinity/.test(source) && hasSpecial(value))
    return refuse(value, "JSON, which knows no NaN and no Infinity");
  if (source.includes(String.raw`\ud`) && hasHalf(value))
    return refuse(value, "JSON, which has no half of a character");
  return source;
}

function hasSpecial(value: Json): boolean {
  if (value instanceof NumberLiteral) return SPECIAL.has(value.source);
  return isList(value) ? value.some(hasSpecial) : isObject(value) ? [...value.values()].some(hasSpecial) : false;
}

const HALF = /\p{Surrogate}/u;

function hasHalf(value: Json): boolean {
  if (typeof value === "string") return HALF.test(value);
  if (isList(value)) return value.some(hasHalf);
  return isObject(value) && [...value].some(([name, one]) => HALF.test(name) || hasHalf(one));
}

function listOf(value: Json): readonly Json[] {
  const found = typeof value === "string" ? parsedList(value) : value;
  return isList(found) ? found : refuse(value, "a list");
}

function parsedList(value: string): Json {
  try {
    return parseJson(value);
  } catch {
    return refuse(value, "a list");
  }
}

/** As PostgreSQL reads an array. In one of arrays, Django writes each as a text. */
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

function refuse(value: Json, wanted: string): never {
  const words = typeof value === "string" ? JSON.stringify(value) : toPythonJson(value);
  throw new HoldfastError("E_IMPORT", `is given ${words.slice(0, 80)}, and takes ${wanted}`);
}

/** The value as SQLite can hold it in a column without a type, so that an export reads the very same out of it. */
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
