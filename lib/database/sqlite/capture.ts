/**
 * Capturing a SQLite file that is in use, without leaving anything beside it.
 *
 * A file that others may be writing is copied by the online backup API from a read-only connection. But merely to read
 * a WAL database, SQLite creates `-wal` and `-shm` files, and a read-only connection cannot take them away again, nor
 * roll back the journal of a crashed writer. So a WAL database that no process has open (one that has it open keeps
 * both files) and one that cannot be opened read-only are copied as files, with their `-wal` or `-journal`, and SQLite
 * recovers the copy. Such a copy counts when nothing changed meanwhile. See
 * https://www.sqlite.org/wal.html#read_only_databases and https://www.sqlite.org/backup.html
 */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BytePath } from "../../archive/entry.ts";
import { HoldfastError, asHoldfastError } from "../../errors.ts";
import type { SqliteDatabase } from "../../sqlite/database.ts";
import { openSqliteFile } from "../../sqlite/open.ts";
import { firstColumn, firstValue } from "../../sqlite/query.ts";
import { privateDirectory } from "../access/private-directory.ts";
import { PENDING, SqliteFiles } from "./files.ts";
import type { FileIdentity } from "./identity.ts";
import { checkIntegrity, isOfApplication } from "./integrity.ts";
import { forgetSuperJournal } from "./super-journal.ts";

export interface SqliteDescription {
  /** The result of `pragma integrity_check`, its lines joined; `ok` for a sound file. */
  readonly integrity: string;
  /** Checks that SQLite could not make, with the reasons. See integrity.ts. */
  readonly unchecked: readonly string[];
  /** Rows by table; no views, no virtual tables. */
  readonly tables: Readonly<Record<string, number>>;
  /** Tables whose rows only the application can count. */
  readonly uncounted: readonly string[];
  readonly schema_version: number;
  readonly user_version: number;
  readonly page_count: number;
  readonly page_size: number;
  readonly journal_mode: string;
  /** The statements that made it, by name. */
  readonly schema: readonly string[];
}

const BUSY_MS = 30_000;
const ATTEMPTS = 10;
const WRITER_WAIT_MS = 1000;

export interface CaptureOptions {
  readonly signal?: AbortSignal;
  /** The file that is expected at the path. */
  readonly expected?: FileIdentity;
}

/**
 * Copies the database at `source`, as it is at one moment, to the new file `into` (mode 0640). `source` is opened
 * read-only. Throws `E_MISSING`, also for another file than the expected one, `E_LINK` for a link that cannot be
 * trusted, `E_UNREADABLE`, `E_SQLITE` when it is no database, or what lies beside it no file, and `E_CHANGED` when it
 * would not hold still.
 */
export async function captureSqlite(
  source: string | BytePath,
  into: string,
  options: CaptureOptions = {},
): Promise<void> {
  let files: SqliteFiles | undefined;
  try {
    files = new SqliteFiles(source);
    for (let attempt = 1; !(await tryCapture(files, into, options)); attempt++) {
      if (attempt === ATTEMPTS)
        throw new HoldfastError("E_CHANGED", "the SQLite file kept changing while it was copied");
      await writerAtWork(files, options.signal);
    }
    await chmod(into, 0o640);
  } catch (error) {
    await rm(into, { force: true });
    throw sqliteError(error, source);
  } finally {
    files?.close();
  }
}

/** Inspects a database without writers. Throws as `captureSqlite` does; damage is reported in `integrity`. */
export async function describeSqlite(path: string | BytePath): Promise<SqliteDescription> {
  const directory = privateDirectory();
  let files: SqliteFiles | undefined;
  try {
    files = new SqliteFiles(path);
    const direct = files.mode() === "journal" && !files.has("-journal");
    const copy = join(directory.path, "db");
    if (!direct) await captureSqlite(path, copy);
    const db = openReadOnly(direct ? await linkTo(files, directory.path) : copy);
    try {
      return describeOpen(db);
    } finally {
      db.close();
    }
  } catch (error) {
    throw sqliteError(error, path);
  } finally {
    files?.close();
    directory.remove();
  }
}

/** Opens a read-only connection, which waits half a minute for the lock of a writer. */
export function openReadOnly(path: string): SqliteDatabase {
  return openSqliteFile(path, { mode: "read", busyTimeout: BUSY_MS });
}

/**
 * The names of the ordinary tables: no views, no virtual tables nor what these keep their data in, nothing of SQLite's
 * own.
 */
export function tableNames(db: SqliteDatabase): string[] {
  const rows = firstColumn(
    db,
    "select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite\\_%' escape '\\'",
  );
  return rows.map(String).toSorted();
}

export function quoteSqlite(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Counts the rows of a table; undefined where that needs something of the application's own. */
export function countSqlite(db: SqliteDatabase, table: string): number | undefined {
  try {
    return Number(firstValue(db, `select count(*) from ${quoteSqlite(table)}`));
  } catch (error) {
    if (isOfApplication(error)) return undefined;
    throw error;
  }
}

function describeOpen(db: SqliteDatabase): SqliteDescription {
  const pragma = (name: string): unknown => firstValue(db, `pragma ${name}`);
  const names = tableNames(db);
  const counted = names.flatMap((table): [string, number][] => {
    const rows = countSqlite(db, table);
    return rows === undefined ? [] : [[table, rows]];
  });
  const schema = firstColumn(db, "select sql from sqlite_schema where sql is not null order by type, name");
  const { result, unchecked } = checkIntegrity(db);
  const tables = Object.fromEntries(counted);
  return {
    integrity: result,
    unchecked,
    tables,
    uncounted: names.filter((name) => !Object.hasOwn(tables, name)),
    schema_version: Number(pragma("schema_version")),
    user_version: Number(pragma("user_version")),
    page_count: Number(pragma("page_count")),
    page_size: Number(pragma("page_size")),
    journal_mode: String(pragma("journal_mode")),
    schema: schema.map(String),
  };
}

/**
 * Returns false where files that had to be copied as they lay changed meanwhile. What lies there decides each time anew:
 * a writer that came or went may have left what SQLite can open.
 */
async function tryCapture(files: SqliteFiles, into: string, options: CaptureOptions): Promise<boolean> {
  files.checkSidecars();
  const mode = files.mode();
  const canOpen = mode === "journal" || (mode === "wal" && hasWal(files));
  return (canOpen && (await backUp(files, mode, into, options))) || (await copyStill(files, into, options.expected));
}

/** A WAL database has both files as long as a process has it open. */
const hasWal = (files: SqliteFiles): boolean => files.has("-wal") && files.has("-shm");

/** Waits, for a second at most, until the writer that opens and closes the database all the time has it open again. */
async function writerAtWork(files: SqliteFiles, signal: AbortSignal | undefined): Promise<void> {
  const end = Date.now() + WRITER_WAIT_MS;
  do await sleep(1, undefined, { signal });
  while (files.mode() === "wal" && !hasWal(files) && Date.now() < end);
}

/** Returns false when SQLite cannot open the file without writing to it. */
async function backUp(
  files: SqliteFiles,
  mode: "wal" | "journal",
  into: string,
  { signal, expected }: CaptureOptions,
): Promise<boolean> {
  const directory = await mkdtemp(join(dirname(into), ".holdfast-"));
  try {
    const db = openReadOnly(await linkTo(files, directory));
    const copy = join(directory, "copy");
    try {
      // In WAL mode an open read transaction keeps the state of one moment and blocks no writer: the backup never
      // restarts.
      if (mode === "wal") db.exec("begin");
      db.prepare("select 1 from sqlite_schema").get();
      files.checkOpened(mode, expected);
      await db.backup(copy, signal);
    } finally {
      db.close();
    }
    await rename(copy, into);
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (needsRecovery(error)) return false;
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Copies the files unchanged, and lets SQLite merge the WAL or roll back the journal of the copy. Returns false, without a
 * copy, when a file changed meanwhile.
 */
async function copyStill(files: SqliteFiles, into: string, expected: FileIdentity | undefined): Promise<boolean> {
  const directory = await mkdtemp(join(dirname(into), ".holdfast-"));
  try {
    const copy = join(directory, "copy");
    const before = files.fingerprint();
    await files.copyTo(copy, expected);
    for (const end of PENDING) await files.copyBeside(end, copy + end);
    if (files.fingerprint() !== before) return false;
    await recover(copy);
    await rename(copy, into);
    return true;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The copy is ours: opened for writing, SQLite puts it in order and takes its sidecars away when it is closed. */
async function recover(copy: string): Promise<void> {
  if (!PENDING.some((end) => existsSync(copy + end))) return;
  forgetSuperJournal(`${copy}-journal`);
  await chmod(copy, 0o600);
  const db = openSqliteFile(copy, { mode: "write" });
  try {
    db.prepare("select 1 from sqlite_schema").get();
    db.exec("pragma wal_checkpoint(truncate)");
  } finally {
    db.close();
  }
}

/**
 * Returns a name for better-sqlite3: a symlink in a directory of ours, which SQLite resolves before it looks for the
 * `-wal`. The library takes strings only, trims them, and asks access(2) about the directory, which ignores
 * CAP_DAC_READ_SEARCH.
 */
async function linkTo(files: SqliteFiles, directory: string): Promise<string> {
  const link = join(directory, "link");
  await symlink(files.realPath(), link);
  return link;
}

/** Returns whether SQLite refused a read-only connection because it would have to write to the database first. */
export function needsRecovery(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^SQLITE_(CANTOPEN|READONLY)/.test(String(error.code));
}

/** Says which file it was. SQLite's own codes (`SQLITE_…`) become `E_SQLITE`, a full disk `E_NO_SPACE`. */
export function sqliteError(error: unknown, path: string | BytePath): HoldfastError {
  const name = readable(path);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof HoldfastError) {
    if (message.startsWith(name)) return error;
    return new HoldfastError(error.code, `${name}: ${message}`, { hint: error.hint, cause: error.cause });
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "SQLITE_FULL") return new HoldfastError("E_NO_SPACE", `${name}: ${message}`, { cause: error });
  return code.startsWith("SQLITE_")
    ? new HoldfastError("E_SQLITE", `${name}: ${message}`, { cause: error })
    : asHoldfastError(error, "E_SQLITE");
}

function readable(path: string | BytePath): string {
  const bytes = Buffer.from(path, "latin1");
  const text = bytes.toString("utf8");
  return bytes.toString("latin1") === path && Buffer.from(text).equals(bytes) ? text : path;
}
