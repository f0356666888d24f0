/** Encodes what an engine prints as JSON with one meaning for all engines. */
import { isUtf8 } from "node:buffer";
import { canonicalDouble, canonicalTime } from "../../database/digest/canonical.ts";
import type { Cell } from "../engine/session.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import type { JsonValue } from "../format/value.ts";
import type { Column, Kind } from "../schema/tables.ts";
import { INTEGER, NUMBER } from "./numbers.ts";
import { TIMES } from "./timestamps.ts";

const INFINITE = /^-?infinity$/i;
const BOOLEANS = new Map<string, boolean>([
  ["t", true],
  ["f", false],
  ["1", true],
  ["0", false],
]);

/**
 * Encodes an engine's value for an export. SQLite's times stay as the application wrote them, because they are its
 * text.
 */
export function encode(rules: ValueRules, column: Column, cell: Cell): JsonValue {
  if (cell === null) return null;
  if (Buffer.isBuffer(cell)) return encodeBytes(column, cell);
  const { kind } = column;
  if (typeof cell === "number") return encodeFloat(kind, cell);
  if (typeof cell === "bigint") return encodeInteger(kind, String(cell));
  switch (kind) {
    case "integer":
    case "bits":
      if (kind === "bits" && rules.hasBinaryDigits)
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
      if (!TIMES.has(kind) || !rules.hasTimes) return cell;
      return INFINITE.test(cell) ? { $: cell.startsWith("-") ? "-inf" : "inf" } : canonicalTime(cell);
  }
}

/** Encodes bytes. MySQL returns the labels of an enum or set of the binary character set as bytes. */
function encodeBytes({ kind, labels }: Column, cell: Buffer): JsonValue {
  if (kind === "bytes") return cell.toString("base64");
  return labels !== undefined && isUtf8(cell) ? cell.toString("utf8") : { $: "bytes", v: cell.toString("base64") };
}

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
