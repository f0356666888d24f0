/** Queries of a single column. */
import type { SqliteDatabase, SqliteValue } from "./database.ts";

/** Returns the first column of every row. */
export function firstColumn(db: SqliteDatabase, sql: string, ...parameters: readonly SqliteValue[]): SqliteValue[] {
  return db
    .prepare(sql)
    .all(...parameters)
    .map(([value = null]) => value);
}

/** Returns the first column of the first row; undefined when there is no row. */
export function firstValue(
  db: SqliteDatabase,
  sql: string,
  ...parameters: readonly SqliteValue[]
): SqliteValue | undefined {
  return db.prepare(sql).get(...parameters)?.[0];
}
