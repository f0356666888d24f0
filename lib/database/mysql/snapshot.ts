/**
 * MySQL and MariaDB, by their own client programs.
 *
 * Two transactions have the same snapshot only if nothing is written between their starts. So a third session holds
 * `LOCK TABLES … READ` on all tables while the session for queries and the dump program start theirs, usually for a few
 * milliseconds. It needs only the LOCK TABLES privilege on this database, and blocks no other database. Without the
 * privilege, or if a writer does not finish, the snapshots are milliseconds apart: then the rows are counted in the
 * dump, with a warning.
 */
import type { Seal } from "../../model/seal.ts";
import { HoldfastError } from "../../errors.ts";
import {
  DEFAULT_EXACT_ROWS,
  firstDifference,
  mergeCounts,
  withDumped,
  withinBudget,
  type EstimatedTable,
} from "../row-counts.ts";
import { digestEach } from "../facts-digest.ts";
import type {
  DatabaseFacts,
  DatabaseSnapshot,
  DatabaseTarget,
  DumpResult,
  TableCount,
  TableDigests,
} from "../snapshot.ts";
import { readMigrations, tryMigrations, type MigrationSource } from "../migrations.ts";
import { accessMysql, type MysqlAccess } from "./client.ts";
import { digestMysql } from "./digest.ts";
import { MysqlDump } from "./dump.ts";
import { quoteMysql } from "./names.ts";
import { blindSpots } from "./rights.ts";
import { MysqlSession } from "./session.ts";
import { countTable, hasSequences, readTables, type MysqlTable } from "./tables.ts";

/** Engines whose tables a consistent snapshot covers. */
const TRANSACTIONAL = new Set(["innodb", "rocksdb", "tokudb"]);

/** Writers wait behind a lock that is waited for: not for long. */
const LOCK_WAIT_SECONDS = 10;

/**
 * A dump may take hours, in which the session has nothing to say. MySQL alone has the last one; MariaDB takes such
 * numbers for MySQL's.
 */
const SETTINGS = [
  "set session time_zone = '+00:00', session wait_timeout = 2000000, session net_write_timeout = 86400",
  "set session transaction isolation level repeatable read",
  "set /*!80000 session information_schema_stats_expiry = 0, */ @holdfast = 0",
];

/**
 * Opens a snapshot and starts the dump in it. Throws `E_DATABASE` when there is no server, no right or no such
 * database.
 */
export async function openMysql(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const ours = new AbortController();
  const access = await accessMysql(target, AbortSignal.any([signal, ours.signal]));
  const end = (): void => {
    ours.abort();
    access.remove();
  };
  try {
    return await openAt(access, end);
  } catch (error) {
    end();
    throw error;
  }
}

async function openAt(access: MysqlAccess, end: () => void): Promise<DatabaseSnapshot> {
  const session = new MysqlSession(access);
  for (const setting of SETTINGS) await session.run(setting);
  const version = (await session.run("select version() as version"))[0]?.version ?? "";
  const engine = /mariadb/i.test(version) ? "mariadb" : "mysql";
  const lock = new MysqlSession(access);
  const warnings: string[] = [];
  try {
    const locked = await lockTables(lock);
    if (locked !== true)
      warnings.push(`the rows are counted in the dump, because the tables could not be locked for a moment: ${locked}`);
    await session.run("start transaction with consistent snapshot, read only");
    const [now] = await session.run("select date_format(utc_timestamp(3), '%Y-%m-%dT%H:%i:%s.%f') as at");
    const tables = await readTables(session);
    // A dump program that is missing is the dump's failure: queries work without.
    const dump = await MysqlDump.start(access, engine, { tables, sequences: await hasSequences(session) }).catch(
      (error: unknown) => {
        access.options.signal.throwIfAborted();
        return error instanceof HoldfastError ? error : new HoldfastError("E_DUMP", String(error), { cause: error });
      },
    );
    if (dump instanceof MysqlDump) await dump.begun;
    const hidden = await blindSpots(session, { database: access.database, tables: tables.map(({ key }) => key) });
    warnings.push(...hidden.map(({ warning }) => warning));
    return new MysqlSnapshot({
      engine,
      version,
      at: `${(now?.at ?? "").slice(0, 23)}Z`,
      access,
      session,
      dump,
      locked: locked === true,
      tables: dump instanceof MysqlDump ? dump.tables : tables,
      warnings,
      end,
    });
  } finally {
    await lock.close(); // which unlocks
  }
}

/** True, or the reason why not. */
async function lockTables(session: MysqlSession): Promise<true | string> {
  const tables = await readTables(session);
  if (tables.length === 0) return true;
  try {
    await session.run(`set session lock_wait_timeout = ${LOCK_WAIT_SECONDS}`);
    await session.run(`lock tables ${tables.map(({ key }) => `${quoteMysql(key)} read`).join(", ")}`);
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return error.message;
  }
}

interface Opened {
  readonly engine: "mysql" | "mariadb";
  readonly version: string;
  readonly at: string;
  readonly access: MysqlAccess;
  readonly session: MysqlSession;
  readonly dump: MysqlDump | HoldfastError;
  /** Session and dump certainly see the same point in time. */
  readonly locked: boolean;
  readonly tables: readonly MysqlTable[];
  readonly warnings: readonly string[];
  end(): void;
}

class MysqlSnapshot implements DatabaseSnapshot {
  readonly engine: "mysql" | "mariadb";
  readonly extension = ".sql.gz";
  readonly #opened: Opened;
  #counts: Map<string, TableCount> | undefined;
  #dumped: ReadonlyMap<string, number> | undefined;
  readonly #warnings: string[] = [];

  constructor(opened: Opened) {
    this.engine = opened.engine;
    this.#opened = opened;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    return await this.#opened.session.query(sql);
  }

  async facts(budget: { readonly exactRows: number }): Promise<DatabaseFacts> {
    const counts = await this.#count(budget.exactRows);
    const [row] = await this.#opened.session.run(
      "select coalesce(sum(data_length + index_length), 0) as size from information_schema.tables where table_schema = database()",
    );
    return {
      engine: this.engine,
      server_version: this.#opened.version,
      database_size: Number(row?.size),
      tables: withDumped(counts, this.#dumped),
      migrations: await tryMigrations(migrationSource(this.#opened.session), this.#warnings),
      extensions: {},
      snapshot_at: this.#opened.at,
    };
  }

  async digests(): Promise<TableDigests> {
    const { dump, session, tables } = this.#opened;
    const rounded = dump instanceof MysqlDump ? dump.rounded : [];
    const exact = tables.filter((table) => !rounded.includes(table));
    const { digests, warnings } = await digestEach(exact, async (table) => await digestMysql(session, table));
    const left = rounded.map(({ key }) => `no digest of the table ${key}: the dump rounds its FLOAT columns`);
    return { digests, warnings: [...warnings, ...left] };
  }

  async dump(path: string, onBytes: (bytes: number) => void, seal?: Seal): Promise<DumpResult> {
    const { dump, session, tables } = this.#opened;
    if (dump instanceof HoldfastError) throw dump;
    if (tables.length === 0) {
      throw new HoldfastError("E_DUMP", "the database holds no table", {
        hint: "check the name of the database in database.url",
      });
    }
    const counts = await this.#count(DEFAULT_EXACT_ROWS);
    const loose = tables.filter(({ engine }) => !TRANSACTIONAL.has(engine.toLowerCase()));
    const history = await lostHistory(session, tables);
    const result = await dump.write(path, {
      session,
      onBytes,
      seal,
      check: (rows) => {
        const difference = firstDifference(counts, rows);
        if (difference !== undefined) throw new HoldfastError("E_DUMP", difference);
        this.#dumped = rows;
      },
    });
    const warnings = loose.map(
      ({ key, engine }) => `the table ${key} (${engine}) is not in the snapshot: its rows are of a later moment`,
    );
    return {
      ...result,
      warnings: [...result.warnings, ...this.#opened.warnings, ...this.#warnings, ...history, ...warnings],
    };
  }

  async close(): Promise<void> {
    const { dump, session, end } = this.#opened;
    if (dump instanceof MysqlDump) await dump.stop();
    await session.close();
    end();
  }

  /** Counts once. What cannot be held against the dump is an estimate until the dump's own rows are known. */
  async #count(exactRows: number): Promise<Map<string, TableCount>> {
    if (this.#counts !== undefined) return this.#counts;
    const { locked, session, tables } = this.#opened;
    const countable = tables.filter(({ engine }) => locked && TRANSACTIONAL.has(engine.toLowerCase()));
    const counted = new Map<EstimatedTable, number>();
    for (const table of withinBudget(countable, exactRows)) {
      try {
        counted.set(table, await countTable(session, table));
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
        this.#warnings.push(`the rows of ${table.key} could not be counted: ${error.message}`);
      }
    }
    this.#counts = mergeCounts(tables, counted);
    return this.#counts;
  }
}

/** Reads the framework's migration table in a session of the database. */
export async function mysqlMigrations(session: MysqlSession): Promise<DatabaseFacts["migrations"]> {
  return await readMigrations(migrationSource(session));
}

const migrationSource = (session: MysqlSession): MigrationSource => ({
  columnsOf: async (names) => await columnsOf(session, names),
  query: async (sql) => await session.query(sql),
  quote: quoteMysql,
});

async function columnsOf(session: MysqlSession, wanted: readonly string[]) {
  const rows = await session.run(
    `select table_name as name, column_name as col from information_schema.columns where table_schema = database()
     and lower(table_name) in (${wanted.map((name) => `'${name}'`).join(", ")}) order by table_name, ordinal_position`,
  );
  const tables = [...new Set(rows.map(({ name }) => name ?? ""))];
  return tables.map((name) => ({
    name,
    from: quoteMysql(name),
    columns: rows.filter((row) => row.name === name).map(({ col }) => col ?? ""),
  }));
}

/** Past versions of rows that the dump program cannot write. */
async function lostHistory(session: MysqlSession, tables: readonly MysqlTable[]): Promise<string[]> {
  const lost: string[] = [];
  for (const table of tables.filter(({ versioned, withHistory }) => versioned && !withHistory)) {
    const all = await countTable(session, { ...table, withHistory: true });
    const past = all - (await countTable(session, table));
    if (past > 0)
      lost.push(
        `the history of the system-versioned table ${table.key} is not in the dump: ${past} of its ${all} rows are past versions`,
      );
  }
  return lost;
}
