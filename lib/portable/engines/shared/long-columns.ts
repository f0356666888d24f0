/** Columns of servers that may hold large values, by their declared types. */
import type { LongColumn } from "../../engine/large-values.ts";
import type { Column, Kind } from "../../schema/tables.ts";

const TEXTS: ReadonlySet<Kind> = new Set(["text", "json", "array", "native"]);

/** Returns a column of bytes, unless its values cannot be longer than `limit`. `name` is its SQL. */
export function longBytes(column: Column, name: string, limit: number): LongColumn[] {
  if ((column.length ?? Number.POSITIVE_INFINITY) <= limit) return [];
  const length = `octet_length(${name})`;
  return [{ column, length, type: "'bytes'", test: `coalesce(${length} > ${limit}, 1 = 0)` }];
}

/** Checks whether the text of a column may be longer than `limit` bytes. */
export function mayBeLongText({ kind, length, octets }: Column, limit: number): boolean {
  const most = Number.POSITIVE_INFINITY;
  return TEXTS.has(kind) && Math.min(octets ?? most, 4 * (length ?? most)) > limit;
}
