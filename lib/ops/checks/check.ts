/** What a verification says. */
import type { StepName } from "../../model/unit.ts";

/** `not proved`: what it would take to try was not there. It is no failure, and never shown as a success. */
export type CheckState = "ok" | "failed" | "not proved";

/** Something wrong, and where: a path relative to the run. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Ids of checks; with `archives_` one for each step that has archives. They are part of the format of `--json` and stay as they are. */
export type CheckId =
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
  /** False when it failed. */
  readonly ok: boolean;
  /** What was counted, for people: `300 projects, 1 skipped`. */
  readonly figure: string;
  readonly problems: readonly Problem[];
  /** Worth knowing, and no failure: files that no row names, what the site has changed since. */
  readonly notes?: readonly Problem[];
}

export interface Verification {
  readonly run: string;
  readonly quick: boolean;
  readonly deep: boolean;
  readonly live: boolean;
  /** `n/t`; null when everything was read. */
  readonly sample: string | null;
  /** True when no check failed. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Where this is kept, relative to the store; null where the store cannot be written to. */
  readonly evidence: string | null;
  /** For people: what could not be done beside the checks. */
  readonly notes: readonly string[];
}

/** What a check found; undefined in its place means that there is nothing in the run for it to check. */
export interface Finding {
  readonly figure: string;
  readonly problems: readonly Problem[];
  readonly notes?: readonly Problem[];
  /** Why all or a part of it could not be tried. */
  readonly notProved?: string;
}

/** `1 file`, `61 entries`: like `plural`, with thousands marked. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
