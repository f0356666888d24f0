/** A session with a database, the same for every engine. */
import type { Cell, CellBatch } from "./cell-batch.ts";

export type { Cell } from "./cell-batch.ts";

export type Row = readonly Cell[];

/** A session as an engine itself sees it; everything above the engines uses `Connection`. */
export interface Session {
  readonly serverVersion: string;
  /**
   * Returns all rows of a small result. Parameters are written `?` in every engine. Throws `E_DATABASE` with the
   * server's message.
   */
  rows(sql: string, parameters?: readonly Cell[]): Promise<Row[]>;
  /** Streams a result of any size, some hundreds of rows at a time, in constant memory. */
  stream(sql: string, parameters?: readonly Cell[]): AsyncIterable<readonly Row[]>;
  /**
   * Streams like `stream`, by the engine's fastest method, with text as the bytes of its UTF-8. PostgreSQL's bytes stay
   * as it prints them.
   */
  streamBytes(sql: string, parameters?: readonly Cell[]): AsyncIterable<CellBatch>;
  /** Runs a statement and returns the number of rows that it changed. */
  run(sql: string, parameters?: readonly Cell[]): Promise<number>;
  /**
   * Appends rows to a table, by the engine's fastest method (COPY, prepared inserts, inserts of many rows), and returns
   * their number. `table` is quoted SQL, columns are plain names. Throws `E_DATABASE`, with the row if the server
   * reports it.
   */
  load(table: string, columns: readonly string[], batches: AsyncIterable<readonly Row[]>): Promise<number>;
  /** Quotes a name: `"name"` or `` `name` ``. */
  quote(name: string): string;
  /** Closes the session and rolls back an open transaction. */
  close(): Promise<void>;
}

/**
 * `read`: a read-only snapshot for the life of the connection. `write`: one transaction, READ COMMITTED if the engine
 * has a choice, begun at once and ended by `run("commit")` or `run("rollback")`; in SQLite it locks the file against
 * other writers (BEGIN IMMEDIATE). Sessions are in UTC, UTF-8, strict, and without a time limit on statements.
 */
export type ConnectionMode = "read" | "write";
