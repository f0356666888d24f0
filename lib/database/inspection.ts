/** The interface by which `doctor` inspects what a host and a server lack for backups and restores of a database. */
import type { DatabaseTarget } from "./snapshot.ts";

export interface Inspection {
  /** The result for display: `PostgreSQL 15.5, pg_dump 15.5`. */
  readonly figure: string;
  /** Reasons why a backup fails or lacks rows. */
  readonly faults: readonly string[];
  /** Reasons why a backup or a restore may lack something. */
  readonly warnings: readonly string[];
  /** The command or instruction that corrects the first of them. */
  readonly hint?: string;
}

/** Each inspection connects by itself and changes nothing. Throws `E_DATABASE` if the database does not answer. */
export interface DatabaseInspector {
  /** Compares the client programs with the server. */
  programs(target: DatabaseTarget, signal: AbortSignal): Promise<Inspection>;
  /** Checks the rights that a dump needs. */
  dumpRights(target: DatabaseTarget, signal: AbortSignal): Promise<Inspection>;
  /** Checks whether the user may create the databases that a restore loads dumps into. */
  restoreRights(target: DatabaseTarget, signal: AbortSignal): Promise<Inspection>;
}
