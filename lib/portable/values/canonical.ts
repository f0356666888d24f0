/** The form by which values of all engines are compared, as defined in lib/database/digest/canonical.ts. */
import { canonicalCell } from "../../database/digest/canonical.ts";
import type { JsonValue, Tagged } from "../format/value.ts";
import type { Column } from "../schema/tables.ts";
import { timeForm } from "./timestamps.ts";

/** Returns the canonical form of an exported value; null for NULL. */
export function canonical(column: Column, value: JsonValue): Buffer | null {
  if (value === null) return null;
  if (typeof value === "object") return canonicalTagged(value);
  const words = typeof value === "boolean" ? String(Number(value)) : String(value);
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
