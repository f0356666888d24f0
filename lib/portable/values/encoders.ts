/** Encodes values like `encode` and `canonical`, many times as fast, by choosing an encoder once per column. */
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { writeCanonicalJson } from "../bytes/canonical-json.ts";
import { writeJsonString } from "../bytes/json-string.ts";
import { decimalEnd, isDate, isSmallInteger, timeEnd } from "../bytes/shapes.ts";
import { INTEGER, NULL, TEXT, type CellBatch } from "../engine/cell-batch.ts";
import type { Cell } from "../engine/session.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import type { Column } from "../schema/tables.ts";
import { canonical } from "./canonical.ts";
import { encode } from "./encode.ts";
import { sourceCanonicalForm } from "./kind-conversion.ts";

/** Receives both forms of values: as JSON in a line, and as they count in the digest. */
export interface Encoded {
  readonly line: ByteWriter;
  readonly form: ByteWriter;
}

/** Appends both forms of a cell of a batch. Returns false for NULL, which has no form for the digest. */
export type Encoder = (batch: CellBatch, cell: number, to: Encoded) => boolean;

/** Returns the encoder for a column. */
export function encoderOf(rules: ValueRules, column: Column): Encoder {
  const quick = quickOf(rules, column);
  const isBytes = column.kind === "bytes";
  const { sourceKind } = column;
  /** The other type that has the form of a text: SQLite's integers, in a column of integers. */
  const alike = column.kind === "integer" ? INTEGER : TEXT;
  const own: Encoder = (batch, cell, to) => {
    const type = batch.types[cell] ?? NULL;
    if (type === TEXT || type === alike)
      if (quick(batch.bytes, batch.starts[cell] ?? 0, batch.ends[cell] ?? 0, to)) return true;
    if (type === NULL) {
      to.line.ascii("null");
      return false;
    }
    const value = batch.cell(cell);
    return slow(rules, column, isBytes ? rules.bytesOf(value) : value, to);
  };
  if (sourceKind === undefined) return own;
  return (batch, cell, to) => {
    const [json, start] = [to.line.length, to.form.length];
    if (!own(batch, cell, to)) return false;
    const { line, form } = to;
    const found = form.bytes.toString("latin1", start, form.length);
    const converted = sourceCanonicalForm(column, sourceKind, found, line.bytes.toString("latin1", json, line.length));
    form.length = start;
    form.latin1(converted);
    return true;
  };
}

function slow(rules: ValueRules, column: Column, cell: Cell, { line, form }: Encoded): boolean {
  const value = encode(rules, column, cell);
  line.text(JSON.stringify(value));
  const own = canonical(column, value);
  if (own !== null) form.copy(own, 0, own.length);
  return own !== null;
}

/** Appends both forms of a common value, or returns false for one that takes the slow path. */
type Quick = (bytes: Buffer, from: number, to: number, encoded: Encoded) => boolean;

const QUOTE = 0x22;
/** The letters before canonical forms: `n`, `t` and `j`. */
const [AS_NUMBER, AS_TEXT, AS_JSON] = [0x6e, 0x74, 0x6a];
const TRUTHS = new Map([..."t1f0"].map((word) => [word.charCodeAt(0), word === "t" || word === "1"]));

function quickOf(rules: ValueRules, { kind }: Column): Quick {
  switch (kind) {
    case "bits":
      return rules.hasBinaryDigits ? () => false : integer;
    case "integer":
      return integer;
    case "decimal":
      return decimal;
    case "boolean":
      return truth;
    case "float4":
    case "float8":
    case "bytes":
      return () => false;
    case "json":
      return json;
    case "date":
      return rules.hasTimes ? date : () => false;
    case "time":
    case "timestamp":
    case "timestamptz":
      return rules.hasTimes ? time : () => false;
    default:
      return text;
  }
}

const integer: Quick = (bytes, from, to, { line, form }) => {
  if (!isSmallInteger(bytes, from, to)) return false;
  line.copy(bytes, from, to);
  form.byte(AS_NUMBER);
  form.copy(bytes, from, to);
  return true;
};

const decimal: Quick = (bytes, from, to, { line, form }) => {
  const end = decimalEnd(bytes, from, to);
  if (end < 0) return false;
  writeQuoted(bytes, from, to, line);
  form.byte(AS_NUMBER);
  form.copy(bytes, from, end);
  return true;
};

const truth: Quick = (bytes, from, to, { line, form }) => {
  const is = to === from + 1 ? TRUTHS.get(bytes[from] ?? 0) : undefined;
  if (is === undefined) return false;
  line.ascii(is ? "true" : "false");
  form.ascii(is ? "n1" : "n0");
  return true;
};

const json: Quick = (bytes, from, to, { line, form }) => {
  writeJsonString(bytes, from, to, line);
  form.byte(AS_JSON);
  writeCanonicalJson(bytes, from, to, form);
  return true;
};

const date: Quick = (bytes, from, to, encoded) => {
  if (!isDate(bytes, from, to)) return false;
  writeQuoted(bytes, from, to, encoded.line);
  encoded.form.byte(AS_TEXT);
  encoded.form.copy(bytes, from, to);
  return true;
};

const time: Quick = (bytes, from, to, { line, form }) => {
  const end = timeEnd(bytes, from, to);
  if (end < 0) return false;
  writeQuoted(bytes, from, end, line);
  form.byte(AS_TEXT);
  form.copy(bytes, from, end);
  return true;
};

const text: Quick = (bytes, from, to, { line, form }) => {
  writeJsonString(bytes, from, to, line);
  form.byte(AS_TEXT);
  form.copy(bytes, from, to);
  return true;
};

/** Appends bytes that need no escapes. */
function writeQuoted(bytes: Buffer, from: number, to: number, line: ByteWriter): void {
  line.byte(QUOTE);
  line.copy(bytes, from, to);
  line.byte(QUOTE);
}
