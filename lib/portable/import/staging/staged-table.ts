/** A staging table as other parts of an import see it, and the names of its own columns. */
import type { Cell } from "../../connection.ts";
import type { Tree } from "../../rows/fields.ts";
import { rowsOf, tableName } from "../../schema/sql-names.ts";
import type { TargetTable } from "../target/types.ts";
import type { Dialect } from "../../engines/shared/dialect.ts";

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
/** What is known of a row: 0 it was there and is the same, 1 it is new, 2 it was there and changes. */
export const MATCH_STATE_COLUMN = "holdfast_state";

/** What `STATE` says, until the merge, of a row whose key the map of the config has changed. */
export const RENAMED_STATE = "3";

/** The primary key that a row has or will have, where it must be known beforehand. */
export const PREASSIGNED_ID_COLUMN = "holdfast_number";

export const stagingName = ({ connection }: Dialect, staging: StagedRows): string => connection.quote(staging.name);
/** The real table, as INSERT names it. */
export const realName = ({ connection }: Dialect, staging: StagedRows): string =>
  tableName(connection, staging.target.table);
/** Its own rows, to be read, updated or deleted: those of tables that inherit from it are not among them. */
export const realRows = ({ connection }: Dialect, staging: StagedRows): string =>
  rowsOf(connection, staging.target.table);

/** Returns a key as people read it: `(1, abc)`. */
export const keyText = (row: readonly Cell[]): string =>
  `(${row.map((cell) => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell))).join(", ")})`;
