/** Writes values as JSON text like Django's JSON serializer, for the formats that people and other programs read. */
import { isRaw, levelsOf, nest, unnest, valueOf, type JsonCell } from "../rows/nested-key.ts";
import type { KeyColumn } from "../rows/fields.ts";
import { isPath, widthOf } from "../rows/tree-path.ts";
import type { Column, Kind } from "../schema/tables.ts";
import type { JsonValue, Tagged } from "../format/value.ts";

const TIMESTAMP = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$/;
const TIME = /^(\d\d:\d\d:\d\d)\.(\d{1,5})$/;
const TIMESTAMPS = new Set<Kind>(["timestamp", "timestamptz"]);

/**
 * Returns an encoded value as JSON text. Timestamps get a `T`, all their microseconds and, in UTC, a `Z`; JSON is
 * inserted unchanged; NaN and infinities become words. With `utc`, timestamps without a zone are UTC as well, as Django
 * stores them outside of PostgreSQL.
 */
export function jsonText(column: Column, value: JsonValue, utc: boolean): string {
  if (value === null) return "null";
  if (typeof value === "object") return taggedText(column, value);
  if (typeof value !== "string") return JSON.stringify(value);
  const { kind } = column;
  if (kind === "json") return sourceText(value) ?? JSON.stringify({ $: "text", v: value });
  if (TIMESTAMPS.has(kind)) return JSON.stringify(timestampOf(value, kind === "timestamptz" || utc));
  return JSON.stringify(kind === "time" ? inMicroseconds(value) : value);
}

/**
 * Returns a key of another row as JSON text: nested if that key contains keys, and a path level by level. `depth` is
 * the number of foreign keys already followed.
 */
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

/** Puts JSON on one line: a line end between tokens is white space, and strings contain none. */
function sourceText(text: string): string | undefined {
  try {
    JSON.parse(text);
    return text.replaceAll(/[\r\n]+/g, " ").trim();
  } catch {
    return undefined;
  }
}

function timestampOf(text: string, zoned: boolean): string {
  const [, date, time] = TIMESTAMP.exec(text) ?? [];
  if (date === undefined || time === undefined) return text;
  return `${date}T${inMicroseconds(time)}${zoned ? "Z" : ""}`;
}

/** Pads fractional seconds to six digits: Python writes six, or none. */
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
      return TIMESTAMPS.has(kind) || kind === "date" ? `"${sign}infinity"` : `"${sign}Infinity"`;
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
