/**
 * SQLite, by the online backup API. The snapshot is a private copy, made when it is opened: queries, counts and the
 * dump are all of that copy, and the site's own file is held no longer than the copy takes.
 */
import { createReadStream, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Seal } from "../../model/seal.ts";
import { HoldfastError } from "../../errors.ts";
import { digestEach } from "../facts-digest.ts";
import type { SqliteDatabase, SqliteValue } from "../../sqlite/database.ts";
import { firstColumn, firstValue } from "../../sqlite/query.ts";
import { mergeCounts, withinBudget, type EstimatedTable } from "../row-counts.ts";
import { privateDirectory, type PrivateDirectory } from "../access/private-directory.ts";
import type { DatabaseFacts, DatabaseSnapshot, DumpResult, TableCount, TableDigests } from "../snapshot.ts";
import { tryMigrations } from "../migrations.ts";
import { writeDump } from "../dump-file.ts";
import { captureSqlite, countSqlite, openReadOnly, quoteSqlite, sqliteError, tableNames } from "./capture.ts";
import { digestSqlite } from "./digest.ts";
import { checkIntegrity } from "./integrity.ts";
import { toRow } from "../query-values.ts";

/** Copies the file and opens the copy. Throws `E_SQLITE` if it is not a database. */
export async function openSqlite(path: string, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const directory = privateDirectory(signal);
  try {
    const copy = join(directory.path, "snapshot.db");
    const at = new Date().toISOString();
    await captureSqlite(path, copy, { signal });
    return new SqliteSnapshot(path, copy, openReadOnly(copy), at, directory, signal);
  } catch (error) {
    directory.remove();
    throw sqliteError(error, path);
  }
}

class SqliteSnapshot implements DatabaseSnapshot {
  readonly engine = "sqlite";
  readonly extension = ".db";
  readonly #path: string;
  readonly #copy: string;
  readonly #db: SqliteDatabase;
  readonly #at: string;
  readonly #directory: PrivateDirectory;
  readonly #signal: AbortSignal;
  #counts: Map<string, TableCount> | undefined;
  readonly #warnings: string[] = [];

  constructor(
    path: string,
    copy: string,
    db: SqliteDatabase,
    at: string,
    directory: PrivateDirectory,
    signal: AbortSignal,
  ) {
    this.#path = path;
    this.#copy = copy;
    this.#db = db;
    this.#at = at;
    this.#directory = directory;
    this.#signal = signal;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    try {
      const statement = this.#db.prepare(sql);
      const names = statement.columns;
      if (names.length === 0) throw new HoldfastError("E_DATABASE", "SQLite: the query returns no rows");
      toRow(names.map((name) => [name, null])); // says which name is there twice, also when there are no rows
      return statement.all().map((row) => toRow(names.map((name, index) => [name, plain(row[index] ?? null)])));
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      const hint = "run the query: sqlite3 -readonly FILE 'select …'";
      throw new HoldfastError("E_DATABASE", `SQLite refused the query: ${message}`, { hint, cause: error });
    }
  }

  async facts(budget: { readonly exactRows: number }): Promise<DatabaseFacts> {
    const version = String(firstValue(this.#db, "select sqlite_version()"));
    return {
      engine: this.engine,
      server_version: version,
      database_size: (await stat(this.#copy)).size,
      tables: Object.fromEntries(this.#count(budget.exactRows)),
      migrations: await tryMigrations(
        {
          columnsOf: async (names) => this.#columnsOf(names),
          query: async (sql) => await this.query(sql),
          quote: quoteSqlite,
        },
        this.#warnings,
      ),
      extensions: {},
      snapshot_at: this.#at,
    };
  }

  async digests(): Promise<TableDigests> {
    const tables = tableNames(this.#db).map((key) => ({ key }));
    return await digestEach(tables, ({ key }) => {
      try {
        return digestSqlite(this.#db, key);
      } catch (error) {
        throw sqliteError(error, this.#path);
      }
    });
  }

  async dump(path: string, onBytes: (bytes: number) => void, seal?: Seal): Promise<DumpResult> {
    const { result, unchecked } = checkIntegrity(this.#db);
    if (result !== "ok") throw new HoldfastError("E_SQLITE", `${this.#path} is damaged: ${result.slice(0, 500)}`);
    if (tableNames(this.#db).length === 0) {
      throw new HoldfastError("E_DUMP", `${this.#path} holds no table`, { hint: "check the path in database.url" });
    }
    const { size } = await stat(this.#copy);
    const written = await writeDump(path, readFile(this.#copy), {
      signal: this.#signal,
      onBytes,
      seal,
      check: async (bytes) => {
        if (bytes !== size) throw new HoldfastError("E_DUMP", `the copy has ${bytes} of ${size} bytes`);
      },
    });
    return {
      ...written,
      media_type: "application/vnd.sqlite3",
      warnings: [...this.#warnings, ...unchecked, ...this.#uncounted()],
    };
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#directory.remove();
  }

  #count(exactRows: number): Map<string, TableCount> {
    if (this.#counts !== undefined) return this.#counts;
    const tables = tableNames(this.#db).map((key) => ({ key, estimate: this.#highestRowid(key) }));
    const counted = withinBudget(tables, exactRows).flatMap((table): [EstimatedTable, number][] => {
      const rows = countSqlite(this.#db, table.key);
      return rows === undefined ? [] : [[table, rows]];
    });
    this.#counts = mergeCounts(tables, new Map(counted));
    return this.#counts;
  }

  #uncounted(): string[] {
    return tableNames(this.#db)
      .filter((table) => countSqlite(this.#db, table) === undefined)
      .map((table) => `the rows of ${table} could not be counted: it needs a collation or function of the application`);
  }

  /**
   * Found at once, and an upper bound: no row takes less than a few bytes of the file. Tables without a rowid are taken
   * for small.
   */
  #highestRowid(table: string): number {
    try {
      const highest = Number(firstValue(this.#db, `select max(rowid) from ${quoteSqlite(table)}`) ?? 0);
      return Math.max(0, Math.min(highest, Math.floor(statSync(this.#copy).size / 8)));
    } catch {
      return 0;
    }
  }

  #columnsOf(names: readonly string[]) {
    return tableNames(this.#db)
      .filter((name) => names.includes(name.toLowerCase()))
      .map((name) => ({
        name,
        from: quoteSqlite(name),
        columns: firstColumn(this.#db, "select name from pragma_table_info(?)", name).map(String),
      }));
  }
}

/** Opens the file when the first byte is read, so that its errors have a listener. */
async function* readFile(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
}

/** Returns values as the other engines do: integers within ±2^53 as numbers, other numbers as text, blobs as SQL. */
function plain(value: SqliteValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : String(value);
  return Buffer.isBuffer(value) ? `X'${value.toString("hex").toUpperCase()}'` : value;
}
