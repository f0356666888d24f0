/** The result of a verification. */
import type { StepName } from "../../model/unit.ts";
import { wordFor } from "../../report/format.ts";

/** `not proved` means that the check could not be tried. It is not a failure, and never shown as a success. */
export type CheckState = "ok" | "failed" | "not proved";

/** A problem, with its path relative to the run. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/**
 * Ids of checks; `archives_` has one for each step with archives. They are part of the `--json` format and must not
 * change.
 */
export type CheckId =
  | "signature"
  | "project_counts"
  | "unit_counts"
  | "indexes"
  | "failures"
  | "files"
  | "sizes"
  | "checksums"
  | `archives_${StepName}`
  | "audio_databases"
  | "database_dump"
  | "database_restore"
  | "portable_import"
  | "compiled_pages"
  | "references"
  | "migrations"
  | "live_projects"
  | "live_units"
  | "live_rows"
  | "live_trees"
  | "manifest_totals"
  | "manifest_times"
  | "documents"
  | "run_id"
  | "site"
  | "format_versions";

export interface Check {
  readonly id: CheckId;
  readonly title: string;
  readonly state: CheckState;
  /** False if the check failed. */
  readonly ok: boolean;
  /** The counted result for display: `300 projects, 1 skipped`. */
  readonly figure: string;
  readonly problems: readonly Problem[];
  /** Notable results that are not failures: files that no row names, changes of the site since the run. */
  readonly notes?: readonly Problem[];
}

export interface Verification {
  readonly run: string;
  readonly quick: boolean;
  readonly deep: boolean;
  readonly live: boolean;
  /** `n/t`; null if everything was read. */
  readonly sample: string | null;
  /** True if no check failed. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Path of the evidence, relative to the store; null if the store is not writable. */
  readonly evidence: string | null;
  /** Notes for display about work besides the checks that could not be done. */
  readonly notes: readonly string[];
}

/** The result of one check; undefined instead means that the run has nothing for it to check. */
export interface Finding {
  readonly figure: string;
  readonly problems: readonly Problem[];
  readonly notes?: readonly Problem[];
  /** The reason why all or part of the check could not be tried. */
  readonly notProved?: string;
}

/** Formats `1 file`, `61 entries`: like `plural`, with thousands separators. */
export const count = (number: number, one: string, many?: string): string =>
  `${number.toLocaleString("en")} ${wordFor(number, one, many)}`;
