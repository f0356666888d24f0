/** Encodes values like `encode` and `canonical`, many times as fast, by choosing an encoder once per column. */
import { canonicalNumber } from "../../database/digest/canonical.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import { fromBytes, quoteBytes, toBytes, type ByteCell } from "./binary-string.ts";
import { sourceCanonicalForm } from "./kind-conversion.ts";
import { jsonForm } from "./canonical-json.ts";
import type { Column } from "../schema/tables.ts";
import { canonical } from "./canonical.ts";
import { encode } from "./encode.ts";

/** Both forms of a value, as bytes: in a line of JSON, and for the digest; `form` is null for NULL. */
export interface Encoded {
  json: string;
  form: string | null;
}

/** Encodes `cell` into `to`. */
export type Encoder = (cell: ByteCell, to: Encoded) => void;

/** Returns the encoder for a column. */
export function encoderOf(rules: ValueRules, column: Column): Encoder {
  const quick = quickOf(rules, column);
  const isBytes = column.kind === "bytes";
  const { sourceKind } = column;
  const own: Encoder = (cell, to) => {
    if (cell === null) {
      to.json = "null";
      to.form = null;
    } else if (typeof cell !== "string" || !quick(cell, to)) {
      slow(rules, column, isBytes ? rules.bytesOf(cell) : cell, to);
    }
  };
  if (sourceKind === undefined) return own;
  return (cell, to) => {
    own(cell, to);
    if (to.form !== null) to.form = sourceCanonicalForm(column, sourceKind, to.form, to.json);
  };
}

function slow(rules: ValueRules, column: Column, cell: ByteCell, to: Encoded): void {
  const value = encode(rules, column, typeof cell === "string" ? fromBytes(cell) : cell);
  to.json = toBytes(JSON.stringify(value));
  to.form = canonical(column, value)?.toString("latin1") ?? null;
}

/** Encodes a common value, or returns false for one that takes the slow path. */
type Quick = (cell: string, to: Encoded) => boolean;

const SMALL_INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;
const SHORTEST = /^(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])$/;
const UTC_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d*[1-9])?(?:\+00)?$/;

function quickOf(rules: ValueRules, { kind }: Column): Quick {
  switch (kind) {
    case "integer":
    case "bits":
      if (kind === "bits" && rules.hasBinaryDigits) return () => false;
      return (cell, to) => {
        if (!SMALL_INTEGER.test(cell)) return false;
        to.json = cell;
        to.form = `n${cell}`;
        return true;
      };
    case "decimal":
      return (cell, to) => {
        if (!DECIMAL.test(cell)) return false;
        to.json = `"${cell}"`;
        to.form = SHORTEST.test(cell) ? `n${cell}` : `n${canonicalNumber(cell)}`;
        return true;
      };
    case "boolean":
      return (cell, to) => {
        const truth = cell === "t" || cell === "1";
        if (!truth && cell !== "f" && cell !== "0") return false;
        to.json = truth ? "true" : "false";
        to.form = truth ? "n1" : "n0";
        return true;
      };
    case "float4":
    case "float8":
    case "bytes":
      return () => false;
    case "json":
      return (cell, to) => {
        to.json = quoteBytes(cell);
        to.form = `j${jsonForm(cell)}`;
        return true;
      };
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return (cell, to) => {
        if (!rules.hasTimes || !UTC_TIME.test(cell)) return false;
        const time = cell.endsWith("+00") ? cell.slice(0, -3) : cell;
        to.json = `"${time}"`;
        to.form = `t${time}`;
        return true;
      };
    default:
      return (cell, to) => {
        to.json = quoteBytes(cell);
        to.form = `t${cell}`;
        return true;
      };
  }
}
