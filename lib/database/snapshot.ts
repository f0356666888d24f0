/** The interface of a backup to a database, implemented for PostgreSQL, MySQL/MariaDB and SQLite. */
import type { Artifact } from "../model/unit.ts";
import type { Seal } from "../model/seal.ts";

export const ENGINE_NAMES = ["postgresql", "mysql", "mariadb", "sqlite"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** The location of a database, and the access to it. */
export interface DatabaseTarget {
  /** The configured URL, without a password. */
  readonly url: string;
  readonly password?: string;
  /** Put before every client program, e.g. `["docker", "exec", "-i", "web"]`. */
  readonly execPrefix: readonly string[];
  /** The site's root, the base of relative SQLite paths. */
  readonly root: string;
}

export interface TableCount {
  readonly rows: number;
  readonly exact: boolean;
  /** The digest of all rows, on request: the same for equal data in any engine. See digest/table.ts. */
  readonly digest?: string | undefined;
}

/** The facts of a database in the snapshot. */
export interface DatabaseFacts {
  readonly engine: EngineName;
  readonly server_version: string;
  readonly database_size: number;
  /**
   * Row counts by `schema.table` (PostgreSQL) or `table`, of ordinary and partitioned tables; partitions count for
   * their table, and views are left out. A dump replaces an estimate by the exact number.
   */
  readonly tables: Readonly<Record<string, TableCount>>;
  /** The framework's migration table, or null when none is known. */
  readonly migrations: { readonly tool: string; readonly applied: readonly string[] } | null;
  readonly extensions: Readonly<Record<string, string>>;
  readonly snapshot_at: string;
  /** PostgreSQL: of the database, e.g. `UTF8`. */
  readonly encoding?: string | undefined;
  /**
   * PostgreSQL: the schemas that an unqualified name is looked for in, in the order of the session that made the dump.
   */
  readonly search_path?: readonly string[] | undefined;
}

export interface TableDigests {
  /** Digests by the keys of `DatabaseFacts.tables`, without tables that could not be digested. */
  readonly digests: Readonly<Record<string, string>>;
  /** One for each table that could not be digested. */
  readonly warnings: readonly string[];
}

export interface DumpResult extends Readonly<Pick<Artifact, "size_bytes" | "sha256" | "plain" | "media_type">> {
  readonly warnings: readonly string[];
}

/**
 * One moment of the database, from which rows are read, counts taken and the dump made, so that all three agree. Not
 * for concurrent use, but for `dump` running beside queries that have been answered already.
 */
export interface DatabaseSnapshot {
  readonly engine: EngineName;
  /**
   * Runs one SELECT; every row becomes an object. Whole numbers within ±2^53 come as numbers, all other numbers (64-bit
   * integers beyond it, decimals, floats) as the text that the database prints, times and binary values likewise; JSON
   * columns and PostgreSQL's arrays come parsed (SQLite has no such type: text). Throws `E_DATABASE`, also when two
   * columns have one name; the snapshot lives on.
   */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /**
   * `exactRows`: about so many rows are counted one by one, those of the smallest tables first; the other tables are
   * estimated.
   */
  facts(budget: { readonly exactRows: number }): Promise<DatabaseFacts>;
  /**
   * Digests each table; reads every row. Call it after the dump, for which MySQL does not wait. A table with
   * unreadable columns is left out with a warning.
   */
  digests(): Promise<TableDigests>;
  /** The end of the dump's file name, with its dot: `.dump`, `.sql.gz`, `.db`. */
  readonly extension: string;
  /**
   * Writes the dump to `path` (created, mode 0640, fsynced), then reads it and compares its tables with the snapshot's.
   * Throws `E_DUMP` if it is empty, truncated or lacks a table. `onBytes` is called with the bytes written so far. Call
   * it once, soon after the snapshot was opened: MySQL's dump program waits from then on, and its server tolerates that
   * for net_write_timeout (60 s by default) once 32 MB are read ahead.
   */
  dump(path: string, onBytes: (bytes: number) => void, seal?: Seal): Promise<DumpResult>;
  close(): Promise<void>;
}
