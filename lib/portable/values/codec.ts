/**
 * Converts values between engines: from what an engine prints to JSON with one meaning, and back to what an engine
 * reads.
 */
import { isUtf8 } from "node:buffer";
import { canonicalCell, canonicalDouble, canonicalNumber, canonicalTime } from "../../database/digest/canonical.ts";
import type { EngineName } from "../../database/snapshot.ts";
import { HoldfastError } from "../../errors.ts";
import type { Cell } from "../connection.ts";
import type { Column, Kind } from "../schema/tables.ts";
import { isTime, timeForm } from "./timestamps.ts";

/**
 * A value that its column's kind cannot represent, with its type: text in a number column of SQLite, an infinite float
 * or date.
 */
export interface Tagged {
  readonly $: "nan" | "inf" | "-inf" | "text" | "integer" | "float" | "bytes";
  readonly v?: string;
}

export type JsonValue = null | boolean | number | string | Tagged;

const INTEGER = /^-?\d+$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const TIMES = new Set<Kind>(["date", "time", "timestamp", "timestamptz"]);
const NUMBERS = new Set<Kind>(["integer", "decimal", "float4", "float8", "boolean", "bits"]);
const INFINITE = /^-?infinity$/i;

/**
 * Encodes an engine's value for an export. SQLite's times stay as the application wrote them, because they are its
 * text.
 */
export function encode(engine: EngineName, column: Column, cell: Cell): JsonValue {
  if (cell === null) return null;
  if (Buffer.isBuffer(cell)) return encodeBytes(column, cell);
  const { kind } = column;
  if (typeof cell === "number") return encodeFloat(kind, cell);
  if (typeof cell === "bigint") return encodeInteger(kind, String(cell));
  switch (kind) {
    case "integer":
    case "bits":
      if (kind === "bits" && engine === "postgresql")
        return /^[01]+$/.test(cell) ? encodeInteger(kind, String(BigInt(`0b${cell}`))) : { $: "text", v: cell };
      return INTEGER.test(cell) ? encodeInteger(kind, cell) : { $: "text", v: cell };
    case "boolean":
      return BOOLEANS.get(cell) ?? (INTEGER.test(cell) ? encodeInteger(kind, cell) : { $: "text", v: cell });
    case "float4":
    case "float8":
      return NUMBER.test(cell) || /^(nan|-?inf(inity)?)$/i.test(cell)
        ? encodeFloat(kind, floatOf(cell))
        : { $: "text", v: cell };
    case "decimal":
      if (NUMBER.test(cell)) return cell;
      if (/^nan$/i.test(cell)) return { $: "nan" };
      return INFINITE.test(cell) ? { $: cell.startsWith("-") ? "-inf" : "inf" } : { $: "text", v: cell };
    case "bytes":
      return { $: "text", v: cell };
    default:
      if (!TIMES.has(kind) || engine === "sqlite") return cell;
      return INFINITE.test(cell) ? { $: cell.startsWith("-") ? "-inf" : "inf" } : canonicalTime(cell);
  }
}

/** Encodes bytes. MySQL returns the labels of an enum or set of the binary character set as bytes. */
function encodeBytes({ kind, labels }: Column, cell: Buffer): JsonValue {
  if (kind === "bytes") return cell.toString("base64");
  return labels !== undefined && isUtf8(cell) ? cell.toString("utf8") : { $: "bytes", v: cell.toString("base64") };
}

const BOOLEANS = new Map<string, boolean>([
  ["t", true],
  ["f", false],
  ["1", true],
  ["0", false],
]);

const floatOf = (text: string): number =>
  /^-?inf/i.test(text) ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text);

function encodeInteger(kind: Kind, digits: string): JsonValue {
  if (kind === "boolean" && (digits === "0" || digits === "1")) return digits === "1";
  if (kind === "decimal" || kind === "json") return digits;
  if (kind === "float4" || kind === "float8") return encodeFloat(kind, Number(digits));
  if (kind !== "integer" && kind !== "bits" && kind !== "boolean") return { $: "integer", v: digits };
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : digits;
}

function encodeFloat(kind: Kind, value: number): JsonValue {
  if ((kind === "decimal" || kind === "json") && Number.isFinite(value)) return canonicalDouble(value);
  if (kind !== "float4" && kind !== "float8") return { $: "float", v: canonicalDouble(value) };
  if (Number.isNaN(value)) return { $: "nan" };
  if (!Number.isFinite(value)) return { $: value > 0 ? "inf" : "-inf" };
  // With all digits, not just those of single precision: another engine may store it as a double.
  return kind === "float4" ? Math.fround(value) : value;
}

/**
 * Decodes an exported value for a column of any engine. Throws `E_IMPORT` for a value that it cannot hold, in words
 * that follow the column's name.
 */
export function decode(engine: EngineName, column: Column, value: JsonValue): Cell {
  if (value === null) return null;
  if (typeof value === "object") return decodeTagged(engine, column, value);
  switch (column.kind) {
    case "boolean":
      return decodeBoolean(engine, column, value);
    case "bytes":
      if (typeof value !== "string") throw mismatch("bytes", "a number or boolean");
      return exactBytes(engine, column, Buffer.from(value, "base64"));
    case "integer":
      return decodeInteger(engine, column, value);
    case "bits":
      return decodeBits(engine, column, value);
    case "float4":
    case "float8":
    case "decimal":
      if (typeof value === "boolean" || (typeof value === "string" && !NUMBER.test(value)))
        throw mismatch("numbers", JSON.stringify(value));
      if (column.kind !== "float8" || typeof value === "string") assertExact(column, String(value));
      if (engine !== "sqlite") return String(value);
      return column.kind === "decimal" && typeof value === "string" ? exactNumber(value) : Number(value);
    case "enum":
    case "set":
      return labelled(engine, column, text(value));
    default: {
      if (engine === "sqlite" && typeof value !== "string" && !TEXTUAL.test(column.native))
        return exactNumber(text(value));
      const given = withoutNul(engine, text(value));
      if (engine === "sqlite" && column.kind !== "json" && makesNumbers(column) && LIKE_A_NUMBER.test(given))
        throw unfit(`the text ${JSON.stringify(given.slice(0, 40))}: ${column.native} would convert it to a number`);
      if (column.kind === "interval" && LIKE_A_NUMBER.test(given)) throw mismatch("an interval", `the number ${given}`);
      if (column.native.startsWith("bit varying") && !/^[01]*$/.test(given))
        throw mismatch(column.native, JSON.stringify(given.slice(0, 40)));
      const words = engine !== "sqlite" && TIMES.has(column.kind) ? serverTime(engine, column, given) : given;
      if (engine === "sqlite" && column.kind === "json" && !TEXTUAL.test(column.native) && NUMBER.test(words.trim()))
        exactNumber(words.trim());
      if (engine !== "sqlite") assertNotShortened(column, words);
      return words;
    }
  }
}

/** Rejects bytes of another length than a fixed one: a server would pad them. */
function exactBytes(engine: EngineName, { native, length }: Column, bytes: Buffer): Buffer {
  const isFixed = engine !== "sqlite" && /^binary\b/i.test(native);
  if (isFixed && length !== undefined && bytes.length !== length) throw mismatch(`${length} bytes`, `${bytes.length}`);
  return bytes;
}

/** Rejects unknown labels: MySQL takes a number for the label at that position, and ignores the case of a label. */
function labelled(engine: EngineName, { kind, native, labels }: Column, given: string): string {
  if (engine === "sqlite" || labels === undefined) return withoutNul(engine, given);
  const words = kind === "enum" ? [given] : given === "" ? [] : given.split(",");
  const other = words.find((word) => !labels.includes(word));
  if (other !== undefined) throw mismatch(`a label of ${native.slice(0, 60)}`, JSON.stringify(other.slice(0, 40)));
  return given;
}

/** Matches text that SQLite stores as a number in a column with a declared type that does not mention text. */
const LIKE_A_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/**
 * Checks whether SQLite makes a number of a text that looks like one:
 * https://www.sqlite.org/datatype3.html#determination_of_column_affinity
 */
export const makesNumbers = ({ native, asIs = false }: Column): boolean =>
  !asIs && native !== "" && (/int/i.test(native) || (!TEXTUAL.test(native) && !/blob/i.test(native)));

/** Rejects times in other notations than the server's: it would truncate or guess them. */
function serverTime(engine: EngineName, column: Column, words: string): string {
  const time = timeForm(column.kind, words);
  if (!isTime(column, time)) throw mismatch(column.native, JSON.stringify(words.slice(0, 40)));
  if (engine === "postgresql" && /^0000-|^\d{4}-(?:00|\d\d-00)/.test(time))
    throw unfit(`${words}, which is not a date in PostgreSQL`);
  return time;
}

/**
 * Matches declared types for which SQLite keeps text, even if it looks like a number:
 * https://www.sqlite.org/datatype3.html#determination_of_column_affinity
 */
const TEXTUAL = /char|clob|text/i;

const text = (value: boolean | number | string): string =>
  typeof value === "boolean" ? (value ? "1" : "0") : String(value);

function decodeBoolean(engine: EngineName, column: Column, value: boolean | number | string): Cell {
  const truth = typeof value === "boolean" ? value : { "1": true, "0": false, t: true, f: false }[String(value)];
  if (truth === undefined && engine === "postgresql") throw mismatch("true or false", JSON.stringify(value));
  if (engine === "postgresql") return truth === true ? "t" : "f";
  const digits = truth === undefined ? String(value) : truth ? "1" : "0";
  if (engine === "sqlite" && !INTEGER.test(digits)) throw mismatch("true or false", JSON.stringify(value));
  if (engine !== "sqlite") return truth === undefined ? decodeInteger(engine, { ...column, length: 8 }, value) : digits;
  return BigInt(digits);
}

function decodeInteger(engine: EngineName, column: Column, value: boolean | number | string): Cell {
  const digits = text(value).replace(/\.0+$/, "");
  if (!INTEGER.test(digits)) throw mismatch("whole numbers", JSON.stringify(value));
  const bits = BigInt(column.length ?? 64);
  const [least, most] =
    column.unsigned === true ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  const number = BigInt(digits);
  if (number < least || number > most) throw mismatch(`${least} to ${most}`, digits);
  if (/^year\b/i.test(column.native)) {
    if (number !== 0n && (number < 1901n || number > 2155n)) throw mismatch("a year from 1901 to 2155", digits);
    return digits.padStart(4, "0"); // MySQL reads '0' as 2000
  }
  return engine === "sqlite" ? number : digits;
}

/** Decodes bits as a number for MySQL, which would take text for its bytes, or as all digits for PostgreSQL. */
function decodeBits(engine: EngineName, column: Column, value: boolean | number | string): Cell {
  const { length = 1 } = column;
  const number = BigInt(String(decodeInteger("postgresql", { ...column, length, unsigned: true }, value)));
  return engine === "postgresql" ? number.toString(2).padStart(length, "0") : number;
}

/**
 * Rejects numbers that SQLite cannot keep exactly. It converts anything that looks like a number, also in JSON of a
 * declared type that sounds like a number.
 */
function exactNumber(value: string): number | bigint {
  const number = Number(value);
  if (INTEGER.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value))
    return Number.isSafeInteger(number) ? number : BigInt(value);
  if (canonicalNumber(value) !== canonicalDouble(number)) throw unfit(`${value} exactly: SQLite would store ${number}`);
  return number;
}

/** Rejects numbers with too many digits: the engines round them silently. */
function assertExact({ kind, native, scale }: Column, number: string): void {
  const kept = kind === "float4" ? Math.fround(Number(number)) : Number(number);
  if (kind !== "decimal" && canonicalDouble(kept) !== canonicalNumber(number))
    throw unfit(`${number} exactly: ${native} would store ${kept}`);
  if (kind !== "decimal" || scale === undefined) return;
  const [, fraction, zeros = ""] = /\.(\d+)$|(0*)$/.exec(canonicalNumber(number)) ?? [];
  const digits = fraction?.length ?? -zeros.length; // PostgreSQL's scale may be negative
  if (digits > scale && Number(number) !== 0) throw mismatch(`at most ${scale} decimal places`, number);
}

/** Rejects text that a server would silently shorten: it rounds fractional seconds, and drops blanks at the end. */
function assertNotShortened({ kind, native, precision, length }: Column, words: string): void {
  if (TIMES.has(kind) && precision !== undefined) {
    const digits = /\.(\d+)/.exec(canonicalTime(words))?.[1]?.length ?? 0;
    if (digits > precision) throw mismatch(`at most ${precision} digits of fractional seconds`, words);
  }
  const isFilled = /^(?:bp)?char(?:acter)?\(/.test(native);
  if (kind === "text" && isFilled && words.endsWith(" "))
    throw unfit(`${JSON.stringify(words.slice(0, 40))}: ${native} drops blanks at the end`);
  if (kind === "text" && length !== undefined && [...words.replace(/ +$/, "")].length > length)
    throw mismatch(`at most ${length} characters`, `${JSON.stringify(words.slice(0, 40))}…`);
  if (kind === "text" && length !== undefined && words.endsWith(" ") && [...words].length > length)
    throw mismatch(`at most ${length} characters`, JSON.stringify(words.slice(0, 40)));
}

function decodeTagged(engine: EngineName, column: Column, { $, v = "" }: Tagged): Cell {
  const float = column.kind === "float4" || column.kind === "float8" || column.kind === "decimal";
  const time = TIMES.has(column.kind);
  switch ($) {
    case "nan":
      if (engine === "postgresql" && float) return "NaN";
      throw unfit("not a number (NaN)");
    case "inf":
    case "-inf":
      if (engine === "postgresql" && (float || time)) return $ === "inf" ? "Infinity" : "-Infinity";
      if (engine === "sqlite" && float) return $ === "inf" ? Infinity : -Infinity;
      throw unfit("an infinite value");
    case "bytes":
      if (engine === "sqlite" || column.kind === "bytes") return exactBytes(engine, column, Buffer.from(v, "base64"));
      if (isGeometry(engine, column)) return Buffer.from(v, "base64");
      throw mismatch(column.native, "bytes");
    case "integer":
      if (engine === "sqlite") return BigInt(v);
      return decodeTaggedNumber(engine, column, v);
    case "float":
      return engine === "sqlite" ? Number(v) : decodeTaggedNumber(engine, column, v);
    case "text":
      if (engine === "sqlite" || ["text", "native", "enum", "set"].includes(column.kind)) return withoutNul(engine, v);
      throw mismatch(column.native, `the text ${JSON.stringify(v.slice(0, 40))}`);
  }
}

/** Decodes a number of SQLite in a column of another kind, which another database would misread. */
function decodeTaggedNumber(engine: EngineName, column: Column, digits: string): Cell {
  if (!NUMBERS.has(column.kind)) throw mismatch(column.native, `the number ${digits}`);
  return decode(engine, column, digits);
}

/** Checks for types with MySQL's own binary format. */
const isGeometry = (engine: EngineName, column: Column): boolean =>
  (engine === "mysql" || engine === "mariadb") && isGeometryType(column);

/** Checks for MySQL's geometry types; a type of the same name elsewhere is text. */
export const isGeometryType = ({ native }: Column): boolean =>
  /^(?:geometry|point|linestring|polygon|multi(?:point|linestring|polygon)|geom(?:etry)?collection)\b/i.test(native);

function withoutNul(engine: EngineName, value: string): string {
  if (engine === "postgresql" && value.includes("\0")) throw unfit("a text with a NUL byte in PostgreSQL");
  return value;
}

const unfit = (what: string): HoldfastError => new HoldfastError("E_IMPORT", `cannot hold ${what}`);

const mismatch = (expected: string, found: string): HoldfastError =>
  new HoldfastError("E_IMPORT", `expects ${expected}, found ${found}`);

/** Returns the form by which values of all engines are compared, as defined in lib/database/digest/canonical.ts. */
export function canonical(column: Column, value: JsonValue): Buffer | null {
  if (value === null) return null;
  if (typeof value === "object") return canonicalTagged(value);
  const words = text(value);
  switch (column.kind) {
    case "integer":
    case "decimal":
    case "boolean":
    case "bits":
    case "float8":
      return canonicalCell("number", words);
    case "float4":
      return canonicalCell("single", words);
    case "bytes":
      return Buffer.concat([Buffer.from("x"), Buffer.from(words, "base64")]);
    case "json":
      return canonicalCell("json", words);
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return canonicalCell("time", timeForm(column.kind, words));
    default:
      return canonicalCell("text", words);
  }
}

function canonicalTagged({ $, v = "" }: Tagged): Buffer {
  switch ($) {
    case "nan":
      return Buffer.from("nNaN");
    case "inf":
      return Buffer.from("nInfinity");
    case "-inf":
      return Buffer.from("n-Infinity");
    case "integer":
    case "float":
      return canonicalCell("number", v);
    case "bytes":
      return Buffer.concat([Buffer.from("x"), Buffer.from(v, "base64")]);
    default:
      return canonicalCell("text", v);
  }
}
