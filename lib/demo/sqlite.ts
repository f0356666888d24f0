/** SQLite files as a site at work leaves them. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { SqliteDatabase } from "../sqlite/database.ts";
import { openSqliteFile } from "../sqlite/open.ts";

type Value = string | number | null;

export interface Table {
  readonly name: string;
  /** Each column as in `create table`. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** Makes a database that nobody has open: everything is in the one file. */
export function writeDatabase(path: string, tables: readonly Table[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const database = openSqliteFile(path, { mode: "create" });
  fill(database, tables);
  database.close();
}

/**
 * Makes a database as it lies there while a program writes to it: in WAL mode, the last rows of each table only in
 * `-wal`. SQLite empties the WAL when its last connection closes, so the files are copied before that.
 */
export function writeLiveDatabase(path: string, tables: readonly Table[]): void {
  const original = `${path}.making`;
  mkdirSync(dirname(path), { recursive: true });
  const database = openSqliteFile(original, { mode: "create" });
  database.exec("pragma journal_mode = wal; pragma wal_autocheckpoint = 0");
  fill(
    database,
    tables.map((table) => ({ ...table, rows: table.rows.slice(0, -LIVE_ROWS) })),
  );
  database.exec("pragma wal_checkpoint(truncate); begin");
  for (const table of tables) insert(database, { ...table, rows: table.rows.slice(-LIVE_ROWS) });
  database.exec("commit");
  for (const suffix of ["", "-wal", "-shm"]) copyFileSync(`${original}${suffix}`, `${path}${suffix}`);
  database.close();
  rmSync(original);
}

const LIVE_ROWS = 3;

function fill(database: SqliteDatabase, tables: readonly Table[]): void {
  database.exec("begin");
  for (const { name, columns } of tables) database.exec(`create table ${name} (${columns.join(", ")})`);
  for (const table of tables) insert(database, table);
  database.exec("commit");
}

function insert(database: SqliteDatabase, { name, columns, rows }: Table): void {
  const statement = database.prepare(`insert into ${name} values (${columns.map(() => "?").join(", ")})`);
  for (const row of rows) statement.run(...row);
}
