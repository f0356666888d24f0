/**
 * Restoring SQLite: the dump is a database file already. The names of scratch and aside are paths; one that is not
 * absolute lies beside live.
 */
import { constants, createReadStream } from "node:fs";
import { lstat, mkdir, open, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileExists } from "../../archive/tree/path-exists.ts";
import { realPlace } from "../../archive/tree/real-path.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { SqliteDatabase } from "../../sqlite/database.ts";
import { firstValue } from "../../sqlite/query.ts";
import { hashFile } from "../../store/files/hash.ts";
import { factsOf } from "../facts-digest.ts";
import type { DatabaseFacts, DatabaseTarget } from "../snapshot.ts";
import { privateDirectory } from "../access/private-directory.ts";
import type { DatabaseRestorer, LoadOptions, PresentDatabase } from "../restorer.ts";
import { captureSqlite, openReadOnly, sqliteError } from "./capture.ts";
import { replaced, type FileIdentity } from "./identity.ts";
import { checkIntegrity, isOfApplication, messageOf } from "./integrity.ts";
import { exchangeFiles, exchangeFilesBack, isPresent, NONE, removeSqlite } from "./exchange.ts";
import { openSqlite } from "./snapshot.ts";
import { sqliteFiles } from "./url.ts";
import { plural } from "../../report/format.ts";

/** `live` is the file itself where the URL names a link. Nothing is opened yet. */
export async function openSqliteRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer> {
  return new SqliteRestorer(realPlace(placeOf(target)), signal);
}

function placeOf(target: DatabaseTarget): string {
  try {
    return sqliteFiles.locate(target);
  } catch {
    return sqliteFiles.pathOf(target); // where it will be
  }
}

class SqliteRestorer implements DatabaseRestorer {
  readonly engine = "sqlite";
  readonly live: string;
  readonly exchanges = true;
  readonly #signal: AbortSignal;

  constructor(live: string, signal: AbortSignal) {
    this.live = live;
    this.#signal = signal;
  }

  async present(): Promise<PresentDatabase | undefined> {
    if (!isPresent(this.live)) return undefined;
    const { size } = await stat(this.live);
    try {
      const { tables, migrations } = await this.#look(this.live, 0);
      return { tables: Object.keys(tables).length, size_bytes: size, migrations };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof HoldfastError) && !(error instanceof Error && "code" in error)) throw error;
      return { tables: 0, size_bytes: size, migrations: null }; // damaged: nothing can be told of it
    }
  }

  async exists(name: string): Promise<boolean> {
    return isPresent(this.#place(name));
  }

  async freeBytes(): Promise<number | undefined> {
    for (let directory = dirname(this.live); ; directory = dirname(directory)) {
      if (!fileExists(directory)) continue;
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    }
  }

  async check(dump: string, { restoreFlags }: Pick<LoadOptions, "restoreFlags">): Promise<readonly string[]> {
    assertNoRestoreFlags(restoreFlags);
    // A copy, because looking at a WAL database leaves files beside it, and a store is not written to.
    const directory = privateDirectory(this.#signal);
    try {
      const copy = join(directory.path, "db");
      await captureSqlite(dump, copy, { signal: this.#signal });
      return await inspect(copy);
    } catch (error) {
      throw notLoadable(dump, error);
    } finally {
      directory.remove();
    }
  }

  async furnish(): Promise<void> {}

  async load(dump: string, name: string, { onBytes, restoreFlags }: LoadOptions): Promise<void> {
    assertNoRestoreFlags(restoreFlags);
    const scratch = this.#spare(name);
    await this.drop(scratch);
    await mkdir(dirname(scratch), { recursive: true, mode: 0o750 });
    try {
      const written = await this.#copy(dump, scratch, onBytes);
      await inspect(scratch);
      await this.#dress(scratch, written);
    } catch (error) {
      removeSqlite(scratch);
      throw this.#signal.aborted ? asHoldfastError(this.#signal.reason, "E_INTERRUPTED") : notLoadable(dump, error);
    }
  }

  async facts(name: string, options = { digests: false }): Promise<DatabaseFacts> {
    return await this.#look(this.#place(name), Infinity, options);
  }

  async exchange(scratch: string, aside: string): Promise<void> {
    await exchangeFiles(this.live, this.#spare(scratch), this.#spare(aside));
  }

  async exchangeBack(scratch: string, aside: string): Promise<void> {
    await exchangeFilesBack(this.live, this.#spare(scratch), this.#spare(aside));
  }

  async reload(): Promise<void> {
    throw new HoldfastError("E_INTERNAL", "a SQLite file is exchanged, not loaded again");
  }

  /** Keeps an existing file: it is complete, from a call with a lost answer. */
  async save(path: string): Promise<{ readonly size_bytes: number; readonly sha256: string }> {
    if (!isPresent(path)) {
      const partial = `${path}.partial`;
      await rm(partial, { force: true });
      await captureSqlite(this.live, partial, { signal: this.#signal });
      await rename(partial, path);
    }
    const { size, sha256 } = await hashFile(path, this.#signal);
    return { size_bytes: size, sha256 };
  }

  async drop(name: string): Promise<void> {
    const path = this.#spare(name);
    removeSqlite(path);
    await rm(path + NONE, { force: true });
  }

  async close(): Promise<void> {}

  #place(name: string): string {
    return resolve(dirname(this.live), name);
  }

  #spare(name: string): string {
    const path = this.#place(name);
    if (path === this.live) throw new HoldfastError("E_INTERNAL", `${name} is the live database`);
    return path;
  }

  async #look(path: string, exactRows: number, options = { digests: false }): Promise<DatabaseFacts> {
    const snapshot = await openSqlite(path, this.#signal);
    try {
      return await factsOf(snapshot, exactRows, options);
    } finally {
      await snapshot.close();
    }
  }

  async #copy(dump: string, scratch: string, onBytes: (bytes: number) => void): Promise<FileIdentity> {
    let read = 0;
    const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        yield chunk;
        onBytes((read += chunk.length));
      }
    };
    const file = await open(scratch, "wx", 0o600);
    const { dev, ino } = await file.stat({ bigint: true });
    try {
      const input = createReadStream(dump, { highWaterMark: 1 << 20 });
      await pipeline(input, counted, file.createWriteStream({ flush: true }), { signal: this.#signal });
    } finally {
      await file.close().catch(() => {}); // the stream has closed it already, unless it failed early
    }
    if (read === 0) throw new HoldfastError("E_RESTORE", "the file is empty");
    return { dev, ino };
  }

  /**
   * The mode and owner of live; the file and its name are on the disk then. No other file gets them that took its place
   * meanwhile.
   */
  async #dress(scratch: string, written: FileIdentity): Promise<void> {
    const like = await lstat(this.live).catch(() => undefined);
    const file = await open(scratch, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { dev, ino } = await file.stat({ bigint: true });
      if (dev !== written.dev || ino !== written.ino) throw replaced(Buffer.from(scratch));
      if (like !== undefined) {
        await file.chown(like.uid, like.gid).catch((error: unknown) => {
          if (process.getuid?.() === 0) throw error; // others have only their own files
        });
      }
      await file.chmod(like === undefined ? 0o640 : like.mode & 0o7777);
      await file.sync();
    } finally {
      await file.close();
    }
    const directory = await open(dirname(scratch), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** Throws when the file is damaged or no database; gives what is odd in it. It must be a private copy. */
async function inspect(path: string): Promise<string[]> {
  const db = openReadOnly(path);
  try {
    const { result, unchecked } = checkIntegrity(db);
    if (result !== "ok") throw new HoldfastError("E_RESTORE", `it is damaged: ${result.slice(0, 500)}`);
    return [...unchecked, ...brokenReferences(db)];
  } finally {
    db.close();
    // A read-only connection makes them for a WAL database, and cannot take them away.
    for (const end of ["-wal", "-shm"]) await rm(path + end, { force: true });
  }
}

function brokenReferences(db: SqliteDatabase): string[] {
  try {
    const rows = Number(firstValue(db, "select count(*) from pragma_foreign_key_check"));
    return rows === 0
      ? []
      : [`${plural(rows, "row refers", "rows refer")} to rows that are missing; so it was when the backup was made`];
  } catch (error) {
    if (!isOfApplication(error)) throw error;
    return [`foreign keys could not be checked: ${messageOf(error)}`];
  }
}

function notLoadable(dump: string, error: unknown): HoldfastError {
  const known = asHoldfastError(sqliteError(error, dump), "E_RESTORE");
  if (["E_NO_SPACE", "E_INTERRUPTED", "E_RESTORE", "E_MISSING", "E_UNREADABLE"].includes(known.code)) return known;
  const hint = "take it from another run; npx tsx scripts/verify.ts checks a run";
  return new HoldfastError("E_RESTORE", `the dump was not loaded: ${known.message}`, { hint, cause: error });
}

function assertNoRestoreFlags(flags: readonly string[]): void {
  if (flags.length === 0) return;
  throw new HoldfastError("E_USAGE", `${flags.join(" ")}: flags of pg_restore do not apply to SQLite`);
}
