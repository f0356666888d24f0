/** Values as Django's JSON serialiser writes them, as JSON text: for the formats that people and other programs read. */
import { isRaw, levelsOf, nest, unnest, valueOf, type JsonCell } from "../rows/nested-key.ts";
import type { KeyColumn } from "../rows/fields.ts";
import { isPath, widthOf } from "../rows/tree-path.ts";
import type { Column, Kind } from "../schema/tables.ts";
import type { JsonValue, Tagged } from "../values/codec.ts";

const MOMENT = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$/;
const TIME = /^(\d\d:\d\d:\d\d)\.(\d{1,5})$/;
const MOMENTS = new Set<Kind>(["timestamp", "timestamptz"]);

/**
 * A value as `encode` gives it. Moments get their `T`, all their microseconds and, in UTC, a `Z`; JSON is put in as it is; numbers that are none are words. `utc`: times
 * without a zone are UTC as well, as Django keeps them outside of PostgreSQL.
 */
export function jsonText(column: Column, value: JsonValue, utc: boolean): string {
  if (value === null) return "null";
  if (typeof value === "object") return taggedText(column, value);
  if (typeof value !== "string") return JSON.stringify(value);
  const { kind } = column;
  if (kind === "json") return sourceText(value) ?? JSON.stringify({ $: "text", v: value });
  if (MOMENTS.has(kind)) return JSON.stringify(momentOf(value, kind === "timestamptz" || utc));
  return JSON.stringify(kind === "time" ? inMicroseconds(value) : value);
}

/** A key of another row: nested where that key holds keys; a path is the parts of one level after the other. `depth` links lead to its own table. */
export function jsonCellText(leaves: readonly KeyColumn[], cell: JsonCell, utc: boolean, depth = 1): string {
  if (isRaw(cell)) return JSON.stringify(cell);
  const values = unnest(leaves, cell, depth);
  const textAt = (at: number): string => {
    const [leaf, value = null] = [leaves[at], values[at]];
    if (leaf === undefined) return JSON.stringify(value);
    if (!isPath(leaf)) return jsonText(leaf.column, valueOf(value), utc);
    const levels = levelsOf(value, widthOf(leaf.parts));
    return levels.map((level) => jsonCellText(leaf.parts, level, utc, 0).slice(1, -1)).join(", ");
  };
  return JSON.stringify(
    nest(
      leaves.map((leaf, value) => ({ leaf, value })),
      depth,
    ),
  )
    .replaceAll(",", ", ")
    .replaceAll(/\d+/g, (at) => textAt(Number(at)));
}

/** On one line: a line end in JSON's source is a blank, in its strings there are none. */
function sourceText(text: string): string | undefined {
  try {
    JSON.parse(text);
    return text.replaceAll(/[\r\n]+/g, " ").trim();
  } catch {
    return undefined;
  }
}

function momentOf(text: string, zoned: boolean): string {
  const [, date, time] = MOMENT.exec(text) ?? [];
  if (date === undefined || time === undefined) return text;
  return `${date}T${inMicroseconds(time)}${zoned ? "Z" : ""}`;
}

/** Python writes six digits of the second's fraction, or none. */
const inMicroseconds = (time: string): string =>
  time.replace(TIME, (_all, seconds: string, fraction: string) => `${seconds}.${fraction.padEnd(6, "0")}`);

function taggedText({ kind }: Column, tagged: Tagged): string {
  const { $, v = "" } = tagged;
  switch ($) {
    case "nan":
      return '"NaN"';
    case "inf":
    case "-inf": {
      const sign = $ === "inf" ? "" : "-";
      return MOMENTS.has(kind) || kind === "date" ? `"${sign}infinity"` : `"${sign}Infinity"`;
    }
    case "integer":
      return Number.isSafeInteger(Number(v)) ? v : JSON.stringify(v);
    case "float":
      return Number.isFinite(Number(v)) ? v : JSON.stringify(v);
    case "text":
      return kind === "bytes" || kind === "json" ? JSON.stringify(tagged) : JSON.stringify(v);
    case "bytes":
      return JSON.stringify(tagged);
  }
}
