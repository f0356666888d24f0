/**
 * Converts values between column kinds, such as text that the target stores as bytes, or a UUID that it stores as text.
 * Values are written in the target's kind, or rejected, and compared in the source's.
 */
import { isJson } from "../../model/json.ts";
import { canonicalNumber } from "../../database/digest/canonical.ts";
import { HoldfastError } from "../../errors.ts";
import { fromBytes, toBytes } from "./binary-string.ts";
import { intervalOf, microsecondsOf } from "./durations.ts";
import { canonicalJsonBytes } from "../bytes/canonical-json.ts";
import type { Column, Kind, SourceKind } from "../schema/tables.ts";
import { digitsOfTime, isTime, timeForm, timeOfDigits } from "./timestamps.ts";
import type { JsonValue } from "../format/value.ts";

type KindGroup = "number" | "bytes" | "json" | "text" | "native" | "uuid" | "interval" | "date" | "time" | "timestamp";

/** The group of each kind: values of one group are written alike. */
export const KIND_GROUPS: Readonly<Record<Kind, KindGroup>> = {
  integer: "number",
  decimal: "number",
  float4: "number",
  float8: "number",
  boolean: "number",
  bits: "number",
  bytes: "bytes",
  json: "json",
  text: "text",
  enum: "text",
  set: "text",
  array: "text",
  native: "native",
  uuid: "uuid",
  interval: "interval",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "timestamp",
};
const DATED: ReadonlySet<KindGroup> = new Set(["date", "timestamp"]);

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Groups without a sensible form in another one: no value of the first converts, whatever it is. */
const NEVER: Partial<Record<KindGroup, ReadonlySet<KindGroup>>> = {
  number: new Set(["uuid"]),
  json: new Set(["number", "uuid", "interval", "date", "time", "timestamp"]),
  uuid: new Set(["number", "bytes", "json", "interval", "date", "time", "timestamp"]),
  interval: new Set(["bytes", "json", "uuid", "date", "timestamp"]),
  date: new Set(["number", "bytes", "json", "uuid", "interval", "time"]),
  time: new Set(["number", "bytes", "json", "uuid", "date", "timestamp"]),
  timestamp: new Set(["number", "json", "uuid", "interval", "time"]),
};
/** Truth values are neither the seconds nor the days as which SQLite may keep a time. */
const TRUTHS: ReadonlySet<Kind> = new Set(["boolean", "bits"]);
const TIMES: ReadonlySet<KindGroup> = new Set(["date", "time", "timestamp", "interval"]);

/** Checks whether the column can hold no value of the kind that the export has for it, except NULL. */
export function neverConverts(column: Column): boolean {
  const { sourceKind } = column;
  if (sourceKind === undefined) return false;
  const [from, to] = [KIND_GROUPS[sourceKind.kind], KIND_GROUPS[column.kind]];
  return NEVER[from]?.has(to) === true || (TRUTHS.has(sourceKind.kind) && TIMES.has(to));
}

/** Converts an exported value to the column's kind. Throws `E_IMPORT`, in words that follow the column's name. */
export function convertFromSource(column: Column, value: JsonValue): JsonValue {
  const { sourceKind } = column;
  if (sourceKind === undefined || value === null) return value;
  const [from, to] = [KIND_GROUPS[sourceKind.kind], KIND_GROUPS[column.kind]];
  if (neverConverts(column)) throw unfit(column, typeof value === "object" ? (value.v ?? value.$) : value);
  if (typeof value === "object") return fromTagged(column, value, from, to);
  if (from === "bytes" && typeof value === "string") return fromBase64(column, value, to);
  switch (to) {
    case "bytes":
      return toBase64(column, value, from);
    case "text":
      if (typeof value !== "string") return value;
      if (from === "uuid") return column.length === UUID_DIGITS ? value.replaceAll("-", "") : value;
      return from === "timestamp" && column.length === TIME_DIGITS ? digitsOf(column, value) : value;
    case "number":
      return from === "interval" && sourceKind.isDjango ? inMicroseconds(column, value) : plainNumber(value);
    case "json":
      if (typeof value === "string" && from === "text" && !isJson(value)) throw unfit(column, value);
      return value;
    case "interval":
      if (from !== "number") return value;
      if (!sourceKind.isDjango || !Number.isInteger(Number(value))) throw unfit(column, value);
      return intervalOf(BigInt(value));
    case "native":
      if (from === "number" && !ANYTHING.test(column.native)) throw unfit(column, value);
      return value;
    case "date":
    case "time":
    case "timestamp":
      return timeFrom(column, value, from);
    default:
      return value;
  }
}

const UUID_DIGITS = 32;
const TIME_DIGITS = 14;
/** Matches SQLite's types that keep any value unchanged. */
const ANYTHING = /^(?:any)?$/i;

function fromTagged(column: Column, value: JsonValue & object, from: KindGroup, to: KindGroup): JsonValue {
  if (from === "bytes" && to !== "bytes" && value.$ === "text") return value.v ?? "";
  if (!value.$.endsWith("inf") || from === to) return value;
  if (from === "timestamp" && column.length === TIME_DIGITS && value.$ === "inf") {
    if (to === "text") return "infinity";
    if (to === "bytes") return Buffer.from("infinity").toString("base64");
  }
  if (DATED.has(from) === DATED.has(to)) return value;
  throw new HoldfastError(
    "E_IMPORT",
    `expects ${column.native}, found an infinite ${from === "number" ? "number" : "time"}`,
  );
}

function fromBase64(column: Column, value: string, to: KindGroup): JsonValue {
  if (isGeometryType(column)) return { $: "bytes", v: value };
  let text: string;
  try {
    text = UTF8.decode(Buffer.from(value, "base64"));
  } catch {
    throw new HoldfastError("E_IMPORT", "expects text, but the bytes are not valid UTF-8");
  }
  if (DATED.has(to) || to === "time") return timeFrom(column, text, "bytes");
  return to === "number" ? plainNumber(text) : text;
}

/** Checks for kinds in which the application formats times itself: MediaWiki writes 14 digits, or `infinity`. */
const isWritten = (from: KindGroup): boolean => from === "bytes" || from === "text";

/** Encodes text as bytes. Other kinds have no form in bytes that both sides agree on, except a time of 14 digits. */
function toBase64(column: Column, value: boolean | number | string, from: KindGroup): JsonValue {
  if (typeof value !== "string") return value;
  if (from === "timestamp" && column.length === TIME_DIGITS)
    return Buffer.from(digitsOf(column, value)).toString("base64");
  if (from === "uuid" || from === "interval" || from === "time" || DATED.has(from)) throw unfit(column, value);
  return Buffer.from(value, "utf8").toString("base64");
}

function digitsOf(column: Column, value: string): string {
  const digits = digitsOfTime(value);
  if (digits === undefined) throw unfit(column, value);
  return digits;
}

function inMicroseconds(column: Column, value: boolean | number | string): string {
  const microseconds = microsecondsOf(String(value));
  if (microseconds === undefined) throw unfit(column, value);
  return String(microseconds);
}

/** Returns a number that keeps its form. Rejects text such as `007`. */
function plainNumber(value: boolean | number | string): JsonValue {
  if (typeof value === "string" && /^\s|\s$|^[+]|^-?0\d/.test(value))
    throw new HoldfastError("E_IMPORT", `expects numbers, found the text ${JSON.stringify(value)}`);
  return value;
}

function timeFrom(column: Column, value: boolean | number | string, from: KindGroup): JsonValue {
  if (typeof value !== "string") return value;
  if (from === "number") return value;
  if (value === "infinity" && isWritten(from)) return { $: "inf" };
  const time = timeForm(column.kind === "date" ? "timestamp" : column.kind, timeOfDigits(value) ?? value);
  const wanted = column.kind === "date" ? time.replace(/ 00:00:00$/, "") : time;
  if (!isTime(column, wanted)) throw unfit(column, value);
  return wanted;
}

const unfit = (column: Column, value: JsonValue): HoldfastError =>
  new HoldfastError("E_IMPORT", `expects ${column.native}, found ${JSON.stringify(value).slice(0, 60)}`);

/** Returns the canonical form of a value in the source's kind, from its form and its JSON here, all as bytes. */
export function sourceCanonicalForm(column: Column, sourceKind: SourceKind, form: string, json: string): string {
  const [head, body] = [form.slice(0, 1), form.slice(1)];
  const to = KIND_GROUPS[column.kind];
  const from = KIND_GROUPS[sourceKind.kind];
  if (form === "nInfinity" && to === "timestamp" && isWritten(from)) return `${from === "bytes" ? "x" : "t"}infinity`;
  if (form === "nInfinity" || form === "n-Infinity") return form;
  switch (from) {
    case "bytes":
      return `x${to === "timestamp" ? (digitsOfTime(body) ?? body) : body}`;
    case "number":
      return `n${to === "interval" ? String(microsecondsOf(body) ?? body) : canonicalNumber(body)}`;
    case "json":
      return head === "j" ? form : `j${canonicalJsonBytes(Buffer.from(body, "latin1")).toString("latin1")}`;
    case "uuid":
      return `t${withDashes(body)}`;
    case "interval":
      return `t${head === "n" && /^-?\d+$/.test(body) ? intervalOf(BigInt(body)) : body}`;
    case "date":
      return `t${body.replace(/ 00:00:00$/, "")}`;
    case "timestamp":
      if (body === "infinity" && head !== "n") return "nInfinity";
      if (to === "date") return `t${body} 00:00:00`;
      // A number can only come from SQLite, which stored it in place of a time.
      return head === "n" ? form : `t${timeOfDigits(body) ?? body}`;
    default: {
      // MySQL's geometry, which is stored as bytes.
      if (head === "x" && sourceKind.kind === "native" && body.includes("\0")) return form;
      if (to === "uuid" && /\(32\)/.test(sourceKind.native)) return `t${body.replaceAll("-", "")}`;
      if (to === "timestamp" && /\(14\)/.test(sourceKind.native)) return `t${digitsOfTime(body) ?? body}`;
      return `t${head === "j" ? textOf(json, body) : body}`;
    }
  }
}

const withDashes = (digits: string): string =>
  /^[0-9a-f]{32}$/i.test(digits) ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : digits;

/** Returns the source text of JSON, of which the form keeps only the meaning. */
function textOf(json: string, body: string): string {
  const text: unknown = JSON.parse(fromBytes(json));
  return typeof text === "string" ? toBytes(text) : body;
}

/** Checks for MySQL's geometry types, which have a binary format; a type of the same name elsewhere is text. */
export const isGeometryType = ({ native }: Column): boolean =>
  /^(?:geometry|point|linestring|polygon|multi(?:point|linestring|polygon)|geom(?:etry)?collection)\b/i.test(native);
