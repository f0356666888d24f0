/** The interface of a staging table, and the names of its own columns. */
import type { Cell } from "../../engine/session.ts";
import type { Tree } from "../../rows/fields.ts";
import { rowsOf, tableName } from "../../engine/sql-names.ts";
import type { TargetTable } from "../target/types.ts";
import type { Connection } from "../../engine/connection.ts";

/** Rows in a temporary table, before their foreign keys are resolved. */
export interface StagedRows {
  readonly name: string;
  readonly target: Pick<TargetTable, "table">;
}

/** The staged rows of a table of the target, and the columns that identify them. */
export interface StagedTable extends StagedRows {
  readonly target: TargetTable;
  readonly rows: number;
  readonly skipped: number;
  readonly tree: { readonly tree: Tree } | undefined;
  readonly matchedBy: "key" | "root" | "row";
  readonly displayKeyColumns: readonly string[];
  of(column: string): string;
}

/** The number of a row in its export, from 1. */
export const ROW_NUMBER_COLUMN = "holdfast_line";
/** The state of a row: 0 exists unchanged, 1 is new, 2 exists and changes. */
export const MATCH_STATE_COLUMN = "holdfast_state";

/** The value of `MATCH_STATE_COLUMN`, until the merge, for a row whose key the config's map changed. */
export const RENAMED_STATE = "3";

/** The primary key that a row has or will have, if it must be known before the insert. */
export const PREASSIGNED_ID_COLUMN = "holdfast_number";

export const stagingName = (connection: Connection, staging: StagedRows): string => connection.quote(staging.name);
/** Returns the name of the real table for an INSERT. */
export const realName = (connection: Connection, staging: StagedRows): string =>
  tableName(connection, staging.target.table);
/** Returns the real table for reads, updates and deletes: without rows of tables that inherit from it. */
export const realRows = (connection: Connection, staging: StagedRows): string =>
  rowsOf(connection, staging.target.table);

/** Returns a key for messages: `(1, abc)`. */
export const keyText = (row: readonly Cell[]): string =>
  `(${row.map((cell) => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell))).join(", ")})`;
