/** Checks a copy of a SQLite database. */
import { compareRows, type DumpCheck, type RecordedTables } from "../dump-rows.ts";
import { describeSqlite } from "./capture.ts";

/** Runs SQLite's integrity check, and counts the rows. */
export async function checkSqlite(file: string, recorded: RecordedTables): Promise<DumpCheck> {
  const { integrity, unchecked, tables } = await describeSqlite(file);
  const messages = integrity === "ok" ? [] : [`SQLite reports it damaged: ${integrity.slice(0, 300)}`];
  return {
    tables: Object.keys(tables).length,
    messages: [...messages, ...compareRows(recorded, new Map(Object.entries(tables)))],
    ...(unchecked.length > 0 ? { notProved: unchecked.join("; ") } : {}),
  };
}
