/** What the rest of Holdfast knows of a database: one interface, implemented for PostgreSQL, MySQL/MariaDB and SQLite. */

export type EngineName = "postgresql" | "mysql" | "mariadb" | "sqlite";

/** Where a database is and how it is reached. */
export interface DatabaseTarget {
  /** As configured, without a password in it. */
  readonly url: string;
  readonly password?: string;
  /** Put before every client program, e.g. `["docker", "exec", "-i", "web"]`. */
  readonly execPrefix: readonly string[];
  /** What a relative SQLite path is relative to: the site's root. */
  readonly root: string;
}

export interface TableCount {
  readonly rows: number;
  readonly exact: boolean;
}

/** What the database says of itself inside the snapshot. */
export interface DatabaseFacts {
  readonly engine: EngineName;
  readonly server_version: string;
  readonly database_size: number;
  /** By `schema.table` (PostgreSQL) or `table`. Ordinary and partitioned tables; no views. */
  readonly tables: Readonly<Record<string, TableCount>>;
  /** The framework's migration table, or null when none is known. */
  readonly migrations: { readonly tool: string; readonly applied: readonly string[] } | null;
  readonly extensions: Readonly<Record<string, string>>;
  readonly snapshot_at: string;
}

export interface DumpResult {
  readonly size_bytes: number;
  readonly sha256: string;
  readonly media_type: string;
  readonly warnings: readonly string[];
}

/**
 * One moment of the database, from which rows are read, counts taken and the dump made, so that all three agree. Not for
 * concurrent use, but for `dump` running beside queries that have been answered already.
 */
export interface DatabaseSnapshot {
  readonly engine: EngineName;
  /** Runs one SELECT; every row becomes an object. 64-bit integers beyond 2^53 and decimals come as strings, times as the database prints them. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  facts(budget: { readonly exactRows: number }): Promise<DatabaseFacts>;
  /** The end of the dump's file name, with its dot: `.dump`, `.sql.gz`, `.db`. */
  readonly extension: string;
  /**
   * Writes the dump to `path` (created, mode 0640, fsynced), hashing as it writes, then lists or parses it and compares its tables with
   * the snapshot's. Throws `E_DUMP` when it is empty, short or lacks a table; `onBytes` hears how much has been written.
   */
  dump(path: string, onBytes: (bytes: number) => void): Promise<DumpResult>;
  close(): Promise<void>;
}
