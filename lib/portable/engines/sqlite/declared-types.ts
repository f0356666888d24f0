/** Declared types of SQLite's columns, and the kinds that applications mean by them. */
import type { Column, Kind } from "../../schema/tables.ts";

/** The kind of each declared type; the first match counts. SQLite itself has only five affinities. */
const KINDS: readonly (readonly [pattern: RegExp, kind: Kind])[] = [
  [/^(?:any)?$/, "native"],
  [/bool|^tinyint\(1\)$/, "boolean"],
  [/^jsonb?$/, "json"],
  [/^(?:uuid|guid|uniqueidentifier)$/, "uuid"],
  [/^interval/, "interval"],
  [/point|inet/, "native"],
  [/int/, "integer"],
  [/char|clob|text|string/, "text"],
  [/blob|binary|bytea/, "bytes"],
  [/real|doub|floa/, "float8"],
  [/dec|num/, "decimal"],
  [/^(?:timestamptz|datetimetz|datetimeoffset)|(?:timestamp|datetime).* with (?:local )?time zone/, "timestamptz"],
  [/^(?:timestamp|datetime)/, "timestamp"],
  [/^date$/, "date"],
  [/^time(?:$|\(| without)/, "time"],
];

/** Returns the kind of a declared type. */
export function kindOf(native: string): Kind {
  const type = native.trim().toLowerCase();
  return KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? "native";
}

/** Returns the length or precision of a declared type. */
export function sizeOf(kind: Kind, native: string): Pick<Column, "length" | "precision" | "scale"> {
  if (kind === "integer") return { length: 64 };
  const [, first, second = "0"] = /\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(native) ?? [];
  if (first === undefined) return {};
  if (kind === "text" || kind === "bytes") return { length: Number(first) };
  return kind === "decimal" ? { precision: Number(first), scale: Number(second) } : {};
}
