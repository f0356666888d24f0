/** One session with a database, the same for every engine: what the portable engine reads and writes through. Opened by engines/connect.ts. */
import type { EngineName } from "../database/snapshot.ts";

/**
 * A value on its way: as the text that its engine prints in full (64-bit integers and decimals to the last digit, times with their
 * microseconds and in UTC, floats in the shortest form that gives them back, `NaN` and `Infinity` in words, JSON and arrays as their source),
 * bytes as they are, NULL as null. SQLite, where a value has a type of its own, tells an integer and a float from a text by `number` and `bigint`.
 */
export type Cell = string | Buffer | number | bigint | null;

export type Row = readonly Cell[];

export interface Connection {
  readonly engine: EngineName;
  readonly serverVersion: string;
  /** All the rows of a small answer. Parameters are written `?` in every engine. Throws `E_DATABASE` with what the server said. */
  rows(sql: string, parameters?: readonly Cell[]): Promise<Row[]>;
  /** The rows of an answer of any size, some hundreds at a time, read as fast as they are taken: memory does not grow with the answer. */
  stream(sql: string, parameters?: readonly Cell[]): AsyncIterable<readonly Row[]>;
  /** The same with texts as the bytes of their UTF-8, one character a byte, the fastest way that the engine has; PostgreSQL's bytes come as it prints them. */
  streamBytes(sql: string, parameters?: readonly Cell[]): AsyncIterable<readonly Row[]>;
  /** The number of rows that a statement changed. */
  run(sql: string, parameters?: readonly Cell[]): Promise<number>;
  /**
   * Appends rows to a table, the fastest way that the engine has (COPY, prepared inserts, inserts of many rows). `table` is quoted SQL, columns are
   * plain names. Gives their number. An error of the server names the row where the server does (`E_DATABASE`).
   */
  load(table: string, columns: readonly string[], batches: AsyncIterable<readonly Row[]>): Promise<number>;
  /** `"name"` or `` `name` ``. */
  quote(name: string): string;
  /** A transaction that is open is rolled back. */
  close(): Promise<void>;
}

/**
 * `read`: one moment of the database for as long as the connection lives, and nothing can be written. `write`: one transaction, READ COMMITTED where the
 * engine has a choice, begun at once and ended by `run("commit")` or `run("rollback")`; SQLite's holds the file against other writers (BEGIN IMMEDIATE).
 * Sessions are in UTC, UTF-8, strict, with no time limit on statements.
 */
export type ConnectionMode = "read" | "write";
