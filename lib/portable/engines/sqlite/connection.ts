/** Connects to SQLite. Integers are bigint, floats are number. */
import { join } from "node:path";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { privateDirectory } from "../../../database/access/private-directory.ts";
import { captureSqlite, needsRecovery, sqliteError } from "../../../database/sqlite/capture.ts";
import { SqliteFiles } from "../../../database/sqlite/files.ts";
import { assertNoSuperJournal } from "../../../database/sqlite/super-journal.ts";
import { sqliteFiles } from "../../../database/sqlite/url.ts";
import { HoldfastError } from "../../../errors.ts";
import type { SqliteDatabase } from "../../../sqlite/database.ts";
import { openSqliteFile } from "../../../sqlite/open.ts";
import { firstValue } from "../../../sqlite/query.ts";
import { CellBatch } from "../../engine/cell-batch.ts";
import { Batch } from "../shared/row-batches.ts";
import type { Connection } from "../../engine/connection.ts";
import { sqlite } from "./engine.ts";
import type { ConnectionMode } from "../../engine/session.ts";

/** The page cache in KiB. */
const CACHE_KIB = 16_000;
const { quote } = sqlite.dialect;

/** Opens a database file. Throws `E_DATABASE` if it does not exist, `E_SQLITE` if it is not a database. */
export async function connect(target: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const path = sqliteFiles.locate(target);
  try {
    return open(path, mode, signal);
  } catch (error) {
    if (mode === "write" || !needsRecovery(error)) throw sqliteError(error, path);
  }
  return await openCopy(path, signal);
}

/** Captures the database of a killed writer, whose journal a read-only connection cannot roll back, and opens that. */
async function openCopy(path: string, signal: AbortSignal): Promise<Connection> {
  const directory = privateDirectory(signal);
  try {
    const copy = join(directory.path, "db");
    await captureSqlite(path, copy, { signal });
    const opened = open(copy, "read", signal);
    return {
      ...opened,
      async close() {
        await opened.close();
        directory.remove();
      },
    };
  } catch (error) {
    directory.remove();
    throw sqliteError(error, path);
  }
}

function open(path: string, mode: ConnectionMode, signal: AbortSignal): Connection {
  let files: SqliteFiles | undefined;
  let db: SqliteDatabase | undefined;
  try {
    files = new SqliteFiles(path);
    files.checkSidecars();
    if (mode === "write") assertNoSuperJournal(path);
    db = openSqliteFile(path, { mode });
    db.exec(`pragma cache_size = -${CACHE_KIB}`);
    if (mode === "write") db.exec("pragma foreign_keys = off"); // has no effect within a transaction
    db.exec(mode === "write" ? "begin immediate" : "begin");
    db.prepare("select count(*) from sqlite_master").get(); // the snapshot begins with the first read
    // Asked of SQLite: to open and close the file here would drop the locks of this process, POSIX says.
    files.checkOpened(firstValue(db, "pragma journal_mode") === "wal" ? "wal" : "journal");
    return connection(db, signal);
  } catch (error) {
    db?.close();
    throw error;
  } finally {
    files?.close();
  }
}

function connection(db: SqliteDatabase, signal: AbortSignal): Connection {
  const guarded = <T>(work: () => T): T => {
    signal.throwIfAborted();
    try {
      return work();
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new HoldfastError("E_DATABASE", `SQLite: ${message}`, { cause: error });
    }
  };
  const own: Connection = {
    engine: sqlite,
    serverVersion: String(firstValue(db, "select sqlite_version()")),
    quote,
    async rows(sql, parameters = []) {
      return guarded(() => db.prepare(sql).all(...parameters));
    },
    async *stream(sql, parameters = []) {
      const rows = guarded(() => db.prepare(sql).iterate(...parameters));
      try {
        const batch = new Batch();
        for (let next; !(next = guarded(() => rows.next())).done;) {
          batch.add(next.value);
          if (batch.isFull) yield batch.take();
        }
        if (!batch.isEmpty) yield batch.take();
      } finally {
        rows.return?.();
      }
    },
    async *streamBytes(sql, parameters) {
      for await (const batch of own.stream(sql, parameters)) yield CellBatch.of(batch);
    },
    async run(sql, parameters = []) {
      return guarded(() => {
        const statement = db.prepare(sql);
        if (statement.columns.length === 0) return statement.run(...parameters);
        return statement.all(...parameters).length;
      });
    },
    async load(table, columns, batches) {
      const names = columns.map(quote).join(", ");
      const sql = `insert into ${table} (${names}) values (${columns.map(() => "?").join(", ")})`;
      const insert = guarded(() => db.prepare(sql));
      let count = 0;
      for await (const batch of batches) {
        for (const row of batch) {
          guarded(() => insert.run(...row));
          count++;
        }
      }
      return count;
    },
    async close() {
      if (!db.isOpen) return;
      if (db.inTransaction) db.exec("rollback");
      db.close();
    },
  };
  return own;
}
