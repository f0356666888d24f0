/** Checks of an installation: what each gets, and what it finds. */
import type { SiteConfig } from "../../config/load.ts";
import type { Problem } from "../checks/check.ts";

/** The ids are part of the `--json` format. */
export type DoctorCheckId =
  | "config"
  | "reading"
  | "uncovered"
  | "database_programs"
  | "dump_rights"
  | "restore_rights"
  | "tools"
  | "attr"
  | "encryption"
  | "store"
  | "store_disk"
  | "space"
  | "clock"
  | "retention"
  | "signing"
  | "recovery_kit"
  | "proof"
  | "targets"
  | "timers";

export type DoctorState = "ok" | "warn" | "fail";

export interface DoctorCheck {
  readonly id: DoctorCheckId;
  readonly title: string;
  readonly state: DoctorState;
  /** The result for display: `2 databases`. */
  readonly figure: string;
  readonly problems: readonly Problem[];
  /** The command or instruction that corrects the problems; null if there are none. */
  readonly hint: string | null;
}

/** The result of one check. */
export interface DoctorFinding {
  readonly figure: string;
  /** Problems because of which backups, proofs or restores do not work. */
  readonly faults?: readonly Problem[];
  /** Problems because of which they may lack something. */
  readonly warnings?: readonly Problem[];
  /** The command or instruction that corrects them. */
  readonly hint?: string | undefined;
}

export interface Installation {
  readonly config: SiteConfig;
  /** Path of the store, as it was given. */
  readonly store: string | undefined;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** A row of the table of checks. */
export interface CheckRow {
  readonly title: string;
  /** Returns undefined if the site has nothing to check. */
  readonly check: (installation: Installation) => Promise<DoctorFinding | undefined> | DoctorFinding | undefined;
}
