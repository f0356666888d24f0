/** Chooses the tables to count exactly, and compares counts with the rows of the dump. */
import type { TableCount } from "./snapshot.ts";
import { plural } from "../report/format.ts";

/** The budget of a dump whose snapshot has not been asked for its facts. */
export const DEFAULT_EXACT_ROWS = 1_000_000;

/** A table as the catalogue knows it. `estimate` is in rows. */
export interface EstimatedTable {
  readonly key: string;
  readonly estimate: number;
}

/** The tables that together have at most about `exactRows` rows, the smallest first: these are counted one by one. */
export function withinBudget<T extends EstimatedTable>(tables: readonly T[], exactRows: number): T[] {
  let left = exactRows;
  return tables
    .toSorted((a, b) => a.estimate - b.estimate)
    .filter((table) => {
      left -= table.estimate;
      return left >= 0;
    });
}

/** Counts where they are known, estimates elsewhere; one key may have several tables (the partitions of one). */
export function mergeCounts(
  tables: readonly EstimatedTable[],
  counted: ReadonlyMap<EstimatedTable, number>,
): Map<string, TableCount> {
  const result = new Map<string, TableCount>();
  for (const table of tables.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const before = result.get(table.key) ?? { rows: 0, exact: true };
    const rows = counted.get(table);
    result.set(table.key, { rows: before.rows + (rows ?? table.estimate), exact: before.exact && rows !== undefined });
  }
  return result;
}

/** The first table whose rows in the dump are not what the snapshot counted, in words; undefined when all agree. */
export function firstDifference(
  counts: ReadonlyMap<string, TableCount>,
  dumped: ReadonlyMap<string, number>,
): string | undefined {
  for (const [key, { rows, exact }] of counts) {
    const inDump = dumped.get(key);
    if (inDump === undefined) return `the dump lacks the table ${key}`;
    if (exact && inDump !== rows)
      return `the dump holds ${plural(inDump, "row")} of the table ${key}, the database ${rows}`;
  }
  return undefined;
}

/** The counts after a dump: where there was only an estimate, the rows that the dump holds. */
export function withDumped(
  counts: ReadonlyMap<string, TableCount>,
  dumped: ReadonlyMap<string, number> | undefined,
): Record<string, TableCount> {
  const merged = [...counts].map(([key, count]): [string, TableCount] => {
    const rows = dumped?.get(key);
    return [key, count.exact || rows === undefined ? count : { rows, exact: true }];
  });
  return Object.fromEntries(merged);
}
