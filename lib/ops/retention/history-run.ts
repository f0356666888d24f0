/** A run of the history that retention plans over, and what becomes of it. */
import type { Protection } from "../removal/protections.ts";
import type { Proof } from "./proof.ts";
import type { Judged } from "./standing.ts";

export interface HistoryRun extends Judged {
  readonly run: string;
  /** Null if it is not proved, or not good. */
  readonly proof: Proof | null;
  /** True if the newest good run is newer and holds every unit of this one. */
  readonly superseded: boolean;
  readonly protections: readonly Protection[];
}

export interface Decision extends HistoryRun {
  readonly keep: boolean;
  /** The rules that keep the run, or why it goes. */
  readonly reasons: readonly string[];
}

export interface RetentionPlan {
  /** The newest first. */
  readonly decisions: readonly Decision[];
  /** Why nothing is deleted; null if something may be. */
  readonly blocked: string | null;
  /** The line about a cap that protections stop; null if the caps are met. */
  readonly cap: string | null;
}
