/**
 * The schema of a database, in terms that hold for every engine. Read by lib/portable/engines, and used by
 * keys/choose.ts and plan/table-order.ts.
 */
import type { EngineName } from "../../database/snapshot.ts";

/**
 * The kind of a column's values. Columns of one kind accept each other's values, regardless of the engine's type names:
 *
 * - `integer` (with its range), `decimal`, `float4`, `float8`, `boolean`, `bits`
 * - `text`, `enum`, `set` (MySQL), `uuid`, `bytes`, `json`
 * - `date`, `time`, `timestamp` (no zone), `timestamptz` (a point in time), `interval`
 * - `array` (PostgreSQL), and `native`: any other type, handled as the text that its engine prints and reads
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
  /**
   * The type as in a CREATE TABLE: `character varying(20)`, `bigint unsigned`, `NVARCHAR(160)`; the base type of a
   * domain.
   */
  readonly native: string;
  readonly nullable: boolean;
  /** Computed by the database from other columns: neither exported nor written. */
  readonly generated: boolean;
  /** Skipped like a generated column, because no record of another program has it. */
  readonly isUnsaid?: boolean;
  /**
   * The database generates a missing value: `always` (PostgreSQL's GENERATED ALWAYS AS IDENTITY), or `default` (serial,
   * AUTO_INCREMENT, rowid).
   */
  readonly identity?: "always" | "default";
  /**
   * The sequence behind it, quoted for SQL (PostgreSQL). Without `identity`, the column owns it, but the application
   * calls it.
   */
  readonly sequence?: string;
  /** The column has a DEFAULT (other than NULL) or an identity, so a row may omit it. False for a generated column. */
  readonly hasDefault: boolean;
  /** The length in characters for text, bytes for bytes, bits for bits and integers. */
  readonly length?: number;
  /** The most bytes of a text limited in bytes: MySQL's tinytext, text and mediumtext. */
  readonly octets?: number;
  readonly unsigned?: boolean;
  /** The total digits of a decimal; the digits of fractional seconds of a time, timestamp or interval. */
  readonly precision?: number;
  readonly scale?: number;
  /** The labels of an enum or set, in order. */
  readonly labels?: readonly string[];
  /** SQLite: the column keeps each value as it is given, as ANY of a STRICT table does. */
  readonly asIs?: boolean;
  /** The kind of an array's elements. */
  readonly element?: Kind;
  /** The collation of text as the engine names it; in SQLite the one that an index uses, if it is not BINARY. */
  readonly collation?: string;
  /** The column that its values come from, if that is of another kind: see values/kind-conversion.ts. */
  readonly sourceKind?: SourceKind;
}

/** A column of an export, as a target column of another kind sees it. */
export interface SourceKind {
  readonly kind: Kind;
  readonly native: string;
  /** True if Django made both databases: it stores a duration as microseconds if the engine has no interval. */
  readonly isDjango: boolean;
}

/** A primary key, unique constraint or unique index over plain columns. Excludes partial and expression indexes. */
export interface Unique {
  readonly name: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
  /** Declared as a constraint, not only as an index. */
  readonly constraint: boolean;
  /** Two NULLs count as equal. */
  readonly nullsNotDistinct: boolean;
  /** PostgreSQL: checked at the end, so that ON CONFLICT can't use it. */
  readonly deferrable?: boolean;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** The `TableId` of the referenced table. */
  readonly target: TableId;
  /** The referenced columns, in the order of `columns`. */
  readonly targetColumns: readonly string[];
  /** The check can wait for the commit: if so declared in PostgreSQL, always in SQLite, never in MySQL. */
  readonly deferrable: boolean;
  /**
   * Declared by the config only: the database enforces nothing, and may hold values that reference no row, such as 0.
   */
  readonly declared?: true;
}

/** `schema.table` in PostgreSQL, `table` elsewhere: the keys of `DatabaseFacts.tables`. */
export type TableId = string;

export interface Table {
  readonly id: TableId;
  /** Null if the engine has no schemas. */
  readonly schema: string | null;
  readonly name: string;
  /** PostgreSQL: the rows are in partitions. Any other table there is read with ONLY. */
  readonly partitioned?: boolean;
  readonly columns: readonly Column[];
  /** The primary key; in SQLite it may contain NULLs if its columns are nullable, and a note says so. */
  readonly primaryKey: Unique | null;
  /** Unique constraints and indexes other than the primary key. */
  readonly uniques: readonly Unique[];
  /** Foreign keys of the database, and those that the config declares. */
  readonly foreignKeys: readonly ForeignKey[];
  /** Columns that the config declares not to be references, regardless of their names. */
  readonly notForeignKeys?: readonly string[];
  /**
   * Columns that a check, a partial unique index or an expression index uses, and that a temporary NULL may violate.
   */
  readonly watched?: readonly string[];
  /** The user's own triggers, by name; a note lists those that are disabled, or fire always or on replicas. */
  readonly triggers: readonly string[];
  readonly estimatedRows: number;
  /** Facts for the user: `ENGINE=MyISAM: not transactional`, `WITHOUT ROWID`, row security, inherited children … */
  readonly notes: readonly string[];
}

/**
 * The user's own tables. A partitioned table appears once, without its partitions; views, tables of extensions, foreign
 * tables, and SQLite's virtual tables with their shadow tables do not appear. Tables are sorted by id, columns in the
 * table's order, the rest by name.
 */
export interface Schema {
  readonly engine: EngineName;
  readonly serverVersion: string;
  readonly tables: readonly Table[];
  /** Objects that hold data but are not tables here: foreign tables, virtual tables, MariaDB's sequences. */
  readonly notes?: readonly string[];
}

/** Returns the column of this name. Throws `RangeError` for a name that the table does not have. */
export function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) throw new RangeError(`${table.id} has no column ${name}`);
  return column;
}
