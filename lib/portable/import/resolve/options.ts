/** The options of an import. */
import type { MissingUsers } from "./missing-users.ts";
import type { TableId } from "../../schema/tables.ts";
import type { StagingTable } from "../staging/table.ts";

export type ImportMode = "create-only" | "update-only" | "create-or-update";

export interface MergeOptions {
  readonly mode: ImportMode;
  /** Rows that break a unique constraint of the database are passed over and counted. */
  readonly skipConflicts: boolean;
  /** The database may be another installation's. */
  readonly isOther?: boolean;
  /** Whether rows of this table come with this import. */
  readonly isImported: (table: TableId) => boolean;
  /** The staged rows of a table that comes with this import. */
  readonly stagingOf: (table: TableId) => StagingTable | undefined;
  /** Makes rows that links name and that are nowhere. */
  readonly missing?: MissingUsers;
}
