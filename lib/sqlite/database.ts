/** A connection to a SQLite file, whichever library serves it. Rows are arrays, integers bigints, blobs Buffers. */

export type SqliteValue = null | number | bigint | string | Buffer;

/** `read` and `write` need an existing file; `create` makes one where it is missing. */
export type SqliteMode = "read" | "write" | "create";

export interface SqliteOptions {
  readonly mode: SqliteMode;
  /** Milliseconds to wait for another connection's lock; 5000 by default. */
  readonly busyTimeout?: number;
}

export interface SqliteStatement {
  /** Names of the result's columns; empty for a statement that returns no rows. */
  readonly columns: readonly string[];
  all(...parameters: readonly SqliteValue[]): SqliteValue[][];
  get(...parameters: readonly SqliteValue[]): SqliteValue[] | undefined;
  /** Reads row by row. The connection is not to be used for anything else meanwhile. */
  iterate(...parameters: readonly SqliteValue[]): IterableIterator<SqliteValue[]>;
  /** Returns the number of rows that an insert, update or delete changed; unspecified for other statements. */
  run(...parameters: readonly SqliteValue[]): number;
}

/** A connection. Its methods throw `SqliteError` (lib/sqlite/error.ts) for what SQLite refuses. */
export interface SqliteDatabase {
  readonly isOpen: boolean;
  readonly inTransaction: boolean;
  /** Runs one or more statements that take no parameters and whose rows are of no interest. */
  exec(sql: string): void;
  /** Prepares a single statement. Throws when text follows it. */
  prepare(sql: string): SqliteStatement;
  /**
   * Copies the database to the file `to`, some pages at a time so that writers get their turn; all at once where they
   * make it begin again and again. Throws `SQLITE_BUSY` when the database stays locked, and the signal's reason. `to`
   * may be left behind then.
   */
  backup(to: string, signal?: AbortSignal): Promise<void>;
  /** Rolls back an open transaction. */
  close(): void;
}

/** One of the libraries that can serve. */
export interface SqliteDriver {
  readonly name: string;
  open(path: string, options: SqliteOptions): SqliteDatabase;
}
