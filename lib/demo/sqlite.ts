/** SQLite files as a site at work leaves them. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";

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
  const database = new Database(path);
  fill(database, tables);
  database.close();
}

/**
 * Makes a database as it lies there while a program writes to it: in WAL mode, the last rows of each table only in `-wal`. SQLite empties
 * the WAL when its last connection closes, so the files are copied before that.
 */
export function writeLiveDatabase(path: string, tables: readonly Table[]): void {
  const original = `${path}.making`;
  mkdirSync(dirname(path), { recursive: true });
  const database = new Database(original);
  database.pragma("journal_mode = wal");
  database.pragma("wal_autocheckpoint = 0");
  fill(
    database,
    tables.map((table) => ({ ...table, rows: table.rows.slice(0, -LIVE_ROWS) })),
  );
  database.pragma("wal_checkpoint(truncate)");
  database.transaction(() => {
    for (const table of tables) insert(database, { ...table, rows: table.rows.slice(-LIVE_ROWS) });
  })();
  for (const suffix of ["", "-wal", "-shm"]) copyFileSync(`${original}${suffix}`, `${path}${suffix}`);
  database.close();
  rmSync(original);
}

const LIVE_ROWS = 3;

function fill(database: Database.Database, tables: readonly Table[]): void {
  database.transaction(() => {
    for (const { name, columns } of tables) database.exec(`create table ${name} (${columns.join(", ")})`);
    for (const table of tables) insert(database, table);
  })();
}

function insert(database: Database.Database, { name, columns, rows }: Table): void {
  const statement = database.prepare(`insert into ${name} values (${columns.map(() => "?").join(", ")})`);
  for (const row of rows) statement.run(row);
}
