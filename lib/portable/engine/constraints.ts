/** The engine's part in writing rows whose triggers and foreign keys must wait. */
import type { ForeignKey, Table } from "../schema/tables.ts";
import type { Session } from "./session.ts";

/** Something that is switched off until `restore`. */
export interface Suspended {
  restore(): Promise<void>;
}

export interface TableReference {
  readonly table: Table;
  readonly link: ForeignKey;
}

/** Violations that an insert ignores although they are not of unique constraints: a CHECK, a value cut off. */
export interface IgnoredViolations {
  /** The most rows of an insert for which all violations are reported. */
  readonly rowsAtOnce: number;
  /** Prepares the session. */
  begin(session: Session): Promise<void>;
  /** Returns the message of a violation that the last statement ignored. */
  find(session: Session): Promise<string | undefined>;
}

export interface Constraints {
  /** True if every foreign key can wait for the end of a transaction, without a change of the table. */
  readonly canDeferAll: boolean;
  /** True if foreign keys that are not deferred are checked by each statement, also after `suspendForeignKeys`. */
  readonly checksEachStatement: boolean;
  /** Disables triggers. Undefined if the engine cannot. */
  readonly disableTriggers: ((session: Session, tables: readonly Table[]) => Promise<Suspended>) | undefined;
  /** Suspends the checks of foreign keys: those in `late`, or all. Call it before anything is written. */
  suspendForeignKeys(session: Session, late: readonly TableReference[]): Promise<Suspended>;
  /** Has the engine check all that was suspended. Returns false if it cannot check rows that are already written. */
  checkForeignKeys(session: Session): Promise<boolean>;
  /** Locks out other writers. Undefined if the transaction has done so, or the engine cannot. */
  readonly lockTables: ((session: Session, tables: readonly Table[]) => Promise<void>) | undefined;
  /** Deletes all rows of tables that reference each other. Undefined if one statement cannot. */
  readonly truncate: ((session: Session, tables: readonly Table[]) => Promise<void>) | undefined;
  /** Undefined if `insertIgnoringConflicts` ignores unique constraints only. */
  readonly ignoredViolations: IgnoredViolations | undefined;
}
