/** What is known of a database's tables, in words that hold for every engine. Read by lib/portable/introspect, judged by keys/choose.ts and plan/table-order.ts. */
import type { EngineName } from "../../database/snapshot.ts";

/**
 * What a column holds. Two columns of one kind can take each other's values, whatever their engines call the type:
 *
 * - `integer` (with its range), `decimal`, `float4`, `float8`, `boolean`, `bits`
 * - `text`, `enum`, `set` (MySQL), `uuid`, `bytes`, `json`
 * - `date`, `time`, `timestamp` (no zone), `timestamptz` (a moment), `interval`
 * - `array` (PostgreSQL), and `native`: anything else, known only by the text that its engine prints and reads
 */
export type Kind =
  | "integer"
  | "decimal"
  | "float4"
  | "float8"
  | "boolean"
  | "bits"
  | "text"
  | "enum"
  | "set"
  | "uuid"
  | "bytes"
  | "json"
  | "date"
  | "time"
  | "timestamp"
  | "timestamptz"
  | "interval"
  | "array"
  | "native";

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** As the engine writes it in a CREATE TABLE: `character varying(20)`, `bigint unsigned`, `NVARCHAR(160)`; a domain by its base type. */
  readonly native: string;
  readonly nullable: boolean;
  /** Computed by the database from other columns: read for nobody, written by nobody. */
  readonly generated: boolean;
  /** Passed over as a generated one is, because no record of another program has it. */
  readonly isUnsaid?: boolean;
  /** The database gives a value where none is given: `always` (PostgreSQL's GENERATED ALWAYS AS IDENTITY), or `default` (serial, AUTO_INCREMENT, rowid). */
  readonly identity?: "always" | "default";
  /** The sequence behind it, quoted as SQL wants it (PostgreSQL). Without `identity`: owned by the column, but called by the application. */
  readonly sequence?: string;
  /** A DEFAULT (other than NULL) or an identity: a row without this column is still a row. False for what is generated. */
  readonly hasDefault: boolean;
  /** Characters for text, bytes for bytes, bits for bits and integers. */
  readonly length?: number;
  /** The most bytes of a text that is limited so: MySQL's tinytext, text and mediumtext. */
  readonly octets?: number;
  readonly unsigned?: boolean;
  /** Digits in all of a decimal; digits of the second's fraction of a time, timestamp or interval. */
  readonly precision?: number;
  readonly scale?: number;
  /** Of an enum or set, in their order. */
  readonly labels?: readonly string[];
  /** SQLite: the column keeps each value as it is given, as ANY of a STRICT table does. */
  readonly asIs?: boolean;
  /** Of an array. */
  readonly element?: Kind;
  /** The collation as the engine names it, of text; in SQLite the one that an index compares it by, where that is not BINARY. */
  readonly collation?: string;
  /** The column that its values come from, where that is of another sort: see values/kind-conversion.ts. */
  readonly sent?: SourceKind;
}

/** A column of an export, as a column of another sort takes its values. */
export interface SourceKind {
  readonly kind: Kind;
  readonly native: string;
  /** True where Django made both: it keeps a duration as microseconds where the engine has no interval. */
  readonly isDjango: boolean;
}

/** A primary key, a unique constraint or a unique index over plain columns; partial and expression indexes are none. */
export interface Unique {
  readonly name: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
  /** Declared as a constraint, not only as an index. */
  readonly constraint: boolean;
  /** Two NULLs are the same to it. */
  readonly nullsNotDistinct: boolean;
  /** PostgreSQL: checked at the end, so that ON CONFLICT can't use it. */
  readonly deferrable?: boolean;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** `TableId` of the table that it points into. */
  readonly target: TableId;
  /** In the order of `columns`. */
  readonly targetColumns: readonly string[];
  /** PostgreSQL: can wait for the commit; SQLite always can; MySQL never. */
  readonly deferrable: boolean;
  /** By the config alone: the database guards nothing, and has values that lead to no row, such as 0. */
  readonly declared?: true;
}

/** `schema.table` in PostgreSQL, `table` elsewhere: the keys of `DatabaseFacts.tables`. */
export type TableId = string;

export interface Table {
  readonly id: TableId;
  /** Null where the engine has none. */
  readonly schema: string | null;
  readonly name: string;
  /** PostgreSQL: its rows are in its partitions. Any other table there is read with ONLY. */
  readonly partitioned?: boolean;
  readonly columns: readonly Column[];
  /** SQLite's may hold NULLs where its columns do: a note says so. */
  readonly primaryKey: Unique | null;
  /** Without the primary key. */
  readonly uniques: readonly Unique[];
  /** Those of the database, and those that the config declares. */
  readonly foreignKeys: readonly ForeignKey[];
  /** Columns that hold no key of a row by the config, whatever their names say. */
  readonly notForeignKeys?: readonly string[];
  /** Columns that a condition on rows looks at, which NULL in them for a time may break: a check, a partial unique index, one over expressions. */
  readonly watched?: readonly string[];
  /** The user's own triggers on it, by name; a note tells those that are disabled, or fire always or on replicas. */
  readonly triggers: readonly string[];
  readonly estimatedRows: number;
  /** What a person should know: `ENGINE=MyISAM: not transactional`, `WITHOUT ROWID`, row security, inherited children … */
  readonly notes: readonly string[];
}

/**
 * All tables of the user's own: a partitioned table once, without its partitions; no views, none of extensions, no foreign tables, no virtual
 * tables of SQLite nor the shadow tables behind them. Tables are sorted by id, columns in the table's order, the rest by name.
 */
export interface Schema {
  readonly engine: EngineName;
  readonly serverVersion: string;
  readonly tables: readonly Table[];
  /** What holds data and is no table here: foreign tables, virtual tables, MariaDB's sequences. */
  readonly notes?: readonly string[];
}

/** Returns the column of this name. Throws `RangeError` for a name that the table does not have. */
export function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) throw new RangeError(`${table.id}.${name} is no column`);
  return column;
}
