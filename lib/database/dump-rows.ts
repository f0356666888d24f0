/** Compares the rows of a dump with the recorded ones. */
import { plural } from "../report/format.ts";
import type { TableCount } from "./snapshot.ts";

export type RecordedTables = Readonly<Record<string, Pick<TableCount, "rows" | "exact">>>;

/** The result of reading a dump to its end. */
export interface DumpCheck {
  readonly tables: number;
  /** One for each fault, worded to follow the file's name. */
  readonly messages: readonly string[];
  /** The reason why the dump, or part of it, could not be checked. */
  readonly notProved?: string;
}

/**
 * Compares recorded row counts with those of the dump. PostgreSQL stores the rows of a partitioned table under its
 * partitions, which are not recorded: with `partitions`, rows missing under one name must appear under unrecorded
 * names.
 */
export function compareRows(
  recorded: RecordedTables,
  dumped: ReadonlyMap<string, number>,
  partitions = false,
): string[] {
  const messages: string[] = [];
  let elsewhere = [...dumped].filter(([key]) => recorded[key] === undefined).reduce((sum, [, rows]) => sum + rows, 0);
  for (const [key, { rows, exact }] of Object.entries(recorded)) {
    if (!exact) continue;
    const found = dumped.get(key);
    if (found === rows || (found === undefined && rows === 0 && partitions)) continue;
    if (partitions && found === undefined && elsewhere >= rows) elsewhere -= rows;
    else
      messages.push(
        found === undefined
          ? `has no table ${key}`
          : `holds ${plural(found, "row")} of ${key}, but ${plural(rows, "was", "were")} counted`,
      );
  }
  return messages;
}
