/** The engine's part in values that are read and written in pieces. See format/large-value.ts. */
import type { LargeValue } from "../format/large-value.ts";
import type { Column, Table } from "../schema/tables.ts";
import type { Row, Session } from "./session.ts";

/** A condition on rows, with its parameters. */
export interface RowCondition {
  readonly sql: string;
  readonly parameters: Row;
}

/** A column that may hold large values. Expressions are over the table `t`. */
export interface LongColumn {
  readonly column: Column;
  /** The SQL condition for a large value; never NULL. */
  readonly test: string;
  /** The SQL expression for the size in bytes; for text, of its UTF-8. */
  readonly length: string;
  /** The SQL expression that is `text` for a text value. */
  readonly type: string;
}

/** The physical location of rows, by which one is found again within a snapshot. */
export interface RowLocator {
  readonly columns: readonly string[];
  condition(values: Row): RowCondition;
}

/** Selects one row: its condition, and a LIMIT clause if no condition matches it alone. */
export interface RowSelection {
  readonly at: RowCondition;
  readonly limit: string;
}

/** A size limit in bytes, and the name of what sets it. */
export interface LargeLimit {
  readonly bytes: number;
  readonly of: string;
}

/** A cell of a staging table that takes a large value. */
export interface LargeCell {
  /** The quoted staging table. */
  readonly table: string;
  /** The name of its column. */
  readonly staged: string;
  /** The condition that selects its row. */
  readonly row: string;
  /** The column of the target table. */
  readonly column: Column;
  readonly is: "text" | "bytes";
  readonly bytes: number;
}

/** Writes large values; closed after the last one. */
export interface LargeWriter {
  /** Writes a value. Each piece is valid until the next is requested. Returns false if the server cannot join them. */
  write(cell: LargeCell, pieces: Iterable<Buffer>): Promise<boolean>;
  close(): Promise<void>;
}

export interface LargeValues {
  /** Returns those of the columns that may hold values of more than `limit` bytes. */
  longColumns(session: Session, columns: readonly Column[], limit: number): Promise<LongColumn[]>;
  /** Checks quickly whether no value of the table is longer than `limit`; false if that is unknown. */
  areAllShort(session: Session, table: Table, limit: number): Promise<boolean>;
  /** Returns undefined if rows have no location. */
  locator(table: Table): RowLocator | undefined;
  /** The operator that compares values with NULL as a value. */
  readonly isSame: string;
  /** Streams the bytes of a value; text as UTF-8. */
  read(session: Session, from: string, row: RowSelection, value: LargeValue): AsyncGenerator<Buffer>;
  /** A hint for a value that was read incompletely. */
  readonly readHint: string | undefined;
  /** Returns the engine's limit for one value. */
  limit(session: Session): Promise<LargeLimit>;
  writer(session: Session): Promise<LargeWriter>;
}
