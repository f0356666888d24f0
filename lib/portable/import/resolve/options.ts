/** The options of an import. */
import type { MissingUsers } from "./missing-users.ts";
import type { TableId } from "../../schema/tables.ts";
import type { StagingTable } from "../staging/table.ts";

export type ImportMode = "create-only" | "update-only" | "create-or-update";

export interface MergeOptions {
  readonly mode: ImportMode;
  /** True if rows that break a unique constraint of the database are skipped and counted. */
  readonly skipConflicts: boolean;
  /** True if the database may belong to another installation. */
  readonly isOther?: boolean;
  /** Returns whether rows of this table are imported. */
  readonly isImported: (table: TableId) => boolean;
  /** Returns the staged rows of a table that is imported. */
  readonly stagingOf: (table: TableId) => StagingTable | undefined;
  /** Creates placeholder users for references to missing ones. */
  readonly missing?: MissingUsers;
}
