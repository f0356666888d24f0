/**
 * Restoring MySQL and MariaDB. A database cannot be renamed there, so the dump is loaded into a scratch database, to be
 * compared, and then once more in the place of live. Everything goes through the client program; what it may be sent is
 * decided in filter-script.ts.
 */
import { access, rename, rm, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import { hashFile } from "../../../store/files/hash.ts";
import { digestEach, withDigests } from "../../facts-digest.ts";
import { digestMysql } from "../digest.ts";
import type { DatabaseFacts, DatabaseTarget, TableCount } from "../../snapshot.ts";
import { accessMysql, type MysqlAccess } from "../client.ts";
import { describeMysql, type MysqlLocation } from "../url.ts";
import { emptyDatabase, endConnections } from "./empty-database.ts";
import { createAccounts } from "./prepare-server.ts";
import { checkScript } from "./check-script.ts";
import { ADMIN_HINT, readDump } from "./read-dump.ts";
import { MysqlScript, type ScriptFacts } from "./filter-script.ts";
import { sendDump } from "./send.ts";
import { MysqlSession } from "../session.ts";
import { countTable, readTables } from "../tables.ts";
import { quoteMysql, text } from "../names.ts";
import { mysqlMigrations, openMysql } from "../snapshot.ts";
import type { DatabaseRestorer, LoadOptions, PresentDatabase } from "../../restorer.ts";

const CLEANING_MS = 20_000;

/** Throws `E_DATABASE` when the server does not answer; the database itself need not be there. */
export async function openMysqlRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer> {
  const location = describeMysql(target.url);
  const reached = await accessMysql(target, signal);
  const session = new MysqlSession({ ...reached, database: "" });
  try {
    await session.run("set session wait_timeout = 2000000, session lock_wait_timeout = 60");
    const [row] = await session.run(
      "select version() as version, @@datadir as directory, @@hostname as host, current_user() as account",
    );
    return new MysqlRestorer({
      target,
      location,
      signal,
      access: reached,
      session,
      version: row?.version ?? "",
      account: row?.account ?? "",
      directory: row?.directory ?? "",
      local: target.execPrefix.length === 0 && isLocal(location) && row?.host === hostname(),
    });
  } catch (error) {
    await session.close();
    reached.remove();
    throw error;
  }
}

function isLocal({ host, socket }: MysqlLocation): boolean {
  return socket !== undefined || host === undefined || ["localhost", "127.0.0.1", "::1"].includes(host);
}

interface Opened {
  readonly target: DatabaseTarget;
  readonly location: MysqlLocation;
  readonly signal: AbortSignal;
  readonly access: MysqlAccess;
  /** A session without a current database. */
  readonly session: MysqlSession;
  readonly version: string;
  /** The user as the server knows it: `user@host`. */
  readonly account: string;
  readonly directory: string;
  readonly local: boolean;
}

class MysqlRestorer implements DatabaseRestorer {
  readonly engine: "mysql" | "mariadb";
  readonly live: string;
  readonly exchanges = false;
  readonly #opened: Opened;
  readonly #known = new Map<string, ScriptFacts>();

  constructor(opened: Opened) {
    this.engine = /mariadb/i.test(opened.version) ? "mariadb" : "mysql";
    this.live = opened.location.database;
    this.#opened = opened;
  }

  async present(): Promise<PresentDatabase | undefined> {
    if (!(await this.exists(this.live))) return undefined;
    return await this.#within(this.live, async (session) => ({
      tables: (await readTables(session)).length,
      size_bytes: await sizeOf(session),
      migrations: await mysqlMigrations(session),
    }));
  }

  async exists(name: string): Promise<boolean> {
    const rows = await this.#opened.session.run(
      `select schema_name as name from information_schema.schemata where schema_name = ${text(name)}`,
    );
    return rows.length > 0;
  }

  async freeBytes(): Promise<number | undefined> {
    const { local, directory } = this.#opened;
    if (!local) return undefined;
    try {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    } catch {
      return undefined; // in a container, whose directories are not ours
    }
  }

  async check(dump: string, { restoreFlags }: Pick<LoadOptions, "restoreFlags">): Promise<readonly string[]> {
    assertNoRestoreFlags(restoreFlags);
    return await checkScript(this.#opened.session, await this.#read(dump), this.engine);
  }

  async furnish(dump: string): Promise<void> {
    await createAccounts(this.#opened.session, (await this.#read(dump)).definers);
  }

  async load(dump: string, scratch: string, options: LoadOptions): Promise<void> {
    assertNoRestoreFlags(options.restoreFlags);
    await this.#mayGo(scratch);
    await this.drop(scratch);
    await this.#create(scratch);
    try {
      await sendDump(this.#opened.access, dump, { database: scratch, events: "disabled", live: this.live, ...options });
    } catch (error) {
      await this.#clean(scratch).catch(() => {}); // the first error counts
      const { signal } = this.#opened;
      throw signal.aborted ? asHoldfastError(signal.reason, "E_INTERRUPTED") : error;
    }
  }

  async facts(name: string, options = { digests: false }): Promise<DatabaseFacts> {
    return await this.#within(name, async (session) => {
      const tables = new Map<string, TableCount>();
      await session.run("start transaction with consistent snapshot, read only");
      const found = await readTables(session, { withHistory: true });
      for (const table of found) tables.set(table.key, { rows: await countTable(session, table), exact: true });
      const { digests } = options.digests
        ? await digestEach(found, async (table) => await digestMysql(session, table))
        : { digests: {} };
      return {
        engine: this.engine,
        server_version: this.#opened.version,
        database_size: await sizeOf(session),
        tables: withDigests({ tables: Object.fromEntries(tables) }, digests).tables,
        migrations: await mysqlMigrations(session),
        extensions: {},
        snapshot_at: new Date().toISOString(),
      };
    });
  }

  async exchange(): Promise<void> {
    throw new HoldfastError("E_INTERNAL", "a MySQL database cannot be renamed: it is loaded again");
  }

  async exchangeBack(): Promise<void> {
    await this.exchange();
  }

  async reload(dump: string | null, options: LoadOptions): Promise<void> {
    assertNoRestoreFlags(options.restoreFlags);
    if (await this.exists(this.live)) {
      await endConnections(this.#opened.session, this.live);
      await this.#within(this.live, emptyDatabase);
    } else {
      await this.#create(this.live);
    }
    if (dump !== null)
      await sendDump(this.#opened.access, dump, {
        database: this.live,
        events: "as they were",
        live: this.live,
        ...options,
      });
  }

  /** Keeps an existing file: it is complete, from a call with a lost answer. */
  async save(path: string): Promise<{ readonly size_bytes: number; readonly sha256: string }> {
    const { target, signal } = this.#opened;
    if (await isFile(path)) {
      const { size, sha256 } = await hashFile(path, signal);
      return { size_bytes: size, sha256 };
    }
    const partial = `${path}.partial`;
    await rm(partial, { force: true });
    const snapshot = await openMysql(target, signal);
    try {
      const { size_bytes, sha256 } = await snapshot.dump(partial, () => {});
      await rename(partial, path);
      return { size_bytes, sha256 };
    } finally {
      await snapshot.close();
    }
  }

  async drop(name: string): Promise<void> {
    await this.#mayGo(name);
    if (!(await this.exists(name))) return;
    await endConnections(this.#opened.session, name);
    await this.#opened.session.run(`drop database if exists ${quoteMysql(name)}`);
  }

  async close(): Promise<void> {
    await this.#opened.session.close();
    this.#opened.access.remove();
  }

  /** Reads a dump to its end, once: it may be large. */
  async #read(dump: string): Promise<ScriptFacts> {
    const known = this.#known.get(dump);
    if (known !== undefined) return known;
    const script = new MysqlScript(this.live, "as they were");
    await readDump(dump, script, { signal: this.#opened.signal, onBytes: () => {} }, async (statements) => {
      for await (const _ of statements);
    });
    this.#known.set(dump, script.facts);
    return script.facts;
  }

  /** Drops by a new session, because an abort closes the other one. */
  async #clean(scratch: string): Promise<void> {
    const { target } = this.#opened;
    const other = await openMysqlRestorer(target, AbortSignal.timeout(CLEANING_MS));
    try {
      await other.drop(scratch);
    } finally {
      await other.close();
    }
  }

  /** Throws for the live database. Compares without case, because names of databases may be names of files. */
  async #mayGo(name: string): Promise<void> {
    if (name.toLowerCase() !== this.live.toLowerCase()) return;
    throw new HoldfastError("E_INTERNAL", `${name} is the live database`);
  }

  /** Creates a database with live's character set, which objects without one inherit. */
  async #create(name: string): Promise<void> {
    const { session, account } = this.#opened;
    const [live] = await session.run(
      `select default_character_set_name as characters, default_collation_name as collation
       from information_schema.schemata where schema_name = ${text(this.live)}`,
    );
    const how = live === undefined ? "utf8mb4" : `${live.characters} collate ${live.collation}`;
    try {
      await session.run(`create database if not exists ${quoteMysql(name)} character set ${how}`);
    } catch (error) {
      if (!(error instanceof HoldfastError) || !/\(1044\)|\(1227\)/.test(error.message)) throw error;
      const grantee = account
        .split("@")
        .map((part) => `'${part}'`)
        .join("@");
      const pattern = quoteMysql(name.replace(/[_%]/g, "\\$&"));
      throw new HoldfastError("E_RESTORE", `${account} may not create the database ${name}`, {
        hint: `grant all on ${pattern}.* to ${grantee}, as an administrator, ${ADMIN_HINT}`,
        cause: error,
      });
    }
  }

  /** A session of its own in a database. */
  async #within<T>(database: string, use: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = new MysqlSession({ ...this.#opened.access, database });
    try {
      await session.run(
        "set session time_zone = '+00:00', session wait_timeout = 2000000, session lock_wait_timeout = 60",
      );
      return await use(session);
    } finally {
      await session.close();
    }
  }
}

function assertNoRestoreFlags(flags: readonly string[]): void {
  if (flags.length === 0) return;
  throw new HoldfastError("E_USAGE", `${flags.join(" ")}: flags of pg_restore do not apply to MySQL`);
}

async function sizeOf(session: MysqlSession): Promise<number> {
  const [row] = await session.run(
    "select coalesce(sum(data_length + index_length), 0) as size from information_schema.tables where table_schema = database()",
  );
  return Number(row?.size);
}

async function isFile(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
