/** The differences between the engines' SQL. Expressions are returned as text, without a session. */
import type { Column, Table } from "../schema/tables.ts";

export interface Dialect {
  /** Quotes a name: `"name"` or `` `name` ``. */
  quote(name: string): string;
  /** The SQL in front of a table's name that excludes the rows of inheriting tables. */
  ownRows(table: Pick<Table, "partitioned">): string;
  /** Returns the expression that makes the engine print a column's full value. */
  printed(expression: string, column: Column): string;
  /** Casts an expression to text. */
  asText(expression: string): string;
  /** Tests whether two ids are equal, so that an index of the first can be used; both hold numbers, or neither. */
  sameId(id: TypedExpression, held: TypedExpression): string;
  /** Tests whether a text is the decimal form of a numeric id, so that an index of the id can be used. */
  isIdInText(id: string, text: string): string;

  /** Defines a column of a temporary table that accepts the values of `column`, and NULL. */
  typed(name: string, column: Column): string;
  /**
   * Returns a column that takes less of the row size limit. A staging row has the key columns of all its references,
   * which may be many.
   */
  narrowColumn(column: Column): Column;
  /** The collation in which ASCII text is compared by the byte, for a column of a temporary table. */
  readonly asciiCollation: string | undefined;
  /** The SQL after the closing bracket of a temporary table. */
  readonly temporary: string;
  /** The SQL after DROP for a temporary table: MySQL commits for `table`. */
  readonly dropTableKeyword: string;
  /** True if indexes of a temporary table must be part of CREATE TABLE: on MySQL, CREATE INDEX commits implicitly. */
  readonly hasInlineIndexes: boolean;
  /** Tests whether two values differ, with NULL as a value; by the byte, regardless of the collation. */
  differs(a: string, b: string, column: Column): string;
  /** Tests whether two values of a key are equal by the collation; NULLs are equal if the column is nullable. */
  same(a: string, b: string, column: Column): string;
  /** Returns a form of the value that has an equality operator. */
  comparable(expression: string, column: Column): string;
  /**
   * Returns `update target set column = value … from … where …`: the tables of `joins` are joined in turn, each on its
   * condition.
   */
  update(parts: UpdateParts): string;
  /** The SQL between the columns and the rows of an insert. */
  readonly overridingClause: string;
  /** Changes an insert so that it skips rows which violate a unique constraint. */
  insertIgnoringConflicts(sql: string): string;
  /** Returns the statements that store `''` in an enum column, on its rows where `flag` is 1. See `hasEmptyEnums`. */
  storeEmptyEnum(table: string, column: string, flag: string): string[];
}

export interface TypedExpression {
  readonly sql: string;
  readonly column: Column;
}

export interface UpdateParts {
  readonly table: string;
  readonly alias: string;
  readonly set: readonly (readonly [string, string])[];
  readonly joins: readonly { readonly table: string; readonly alias: string; readonly on: string }[];
  readonly where: string;
}
