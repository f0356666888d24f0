/** The request and the outcome of a backup. */
import type { Report } from "../../model/event.ts";
import type { Anomaly } from "../../model/anomaly.ts";
import type { RunStatus, Scope, StepSummary, Totals } from "../../model/run.ts";
import type { Counters } from "../../archive/counters.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import type { Failure, StepName } from "../../model/unit.ts";

export interface BackupRequest {
  /** Path of the config file. */
  readonly config: string;
  readonly dest?: string | undefined;
  /** The steps to run; empty for every configured step. */
  readonly steps: readonly StepName[];
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly textTypes: readonly string[];
  readonly existing: "skip" | "overwrite";
  readonly workers?: number | undefined;
  readonly checksums: boolean;
  readonly resume: boolean;
  readonly dryRun: boolean;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags: readonly string[];
  readonly lockFile?: string | undefined;
  readonly breakLock: boolean;
  readonly newStore: boolean;
  /** Lets the run become `latest` although a step lost more than half of its units. */
  readonly acceptLoss: boolean;
  /** Runs the steps in this process and not as sub-scripts: for a sub-script that was started alone. */
  readonly inProcess: boolean;
  /**
   * Set for a safety copy, made under the locks of the restore that will overwrite it: no hooks run, and the run is not
   * a backup.
   */
  readonly safety?: { readonly locks: StoreLocks };
  /** The command's name for the lock, for example `backup_all`. */
  readonly command: string;
}

/** What `--json` calls the summary of a published run, besides its id, status and duration. */
export interface RunSummary extends Totals, Counters {
  readonly path: string | null;
  readonly units_built: number;
  readonly units_reused: number;
  readonly units_resumed: number;
  readonly steps: Readonly<Record<string, StepSummary>>;
  readonly uncovered: readonly string[];
  readonly anomalies: readonly Anomaly[];
}

/** The same of a dry run. */
export interface DryRunSummary {
  readonly dry_run: true;
  readonly failed: number;
}

export interface BackupOutcome {
  readonly run: string;
  /** Absolute path of the published run; null for a dry run. */
  readonly path: string | null;
  readonly status: RunStatus;
  readonly scope: Scope;
  readonly totals: Totals;
  readonly failures: readonly Failure[];
  readonly uncovered: readonly string[];
  /** The config key and the step of each path of the site, after a dry run. */
  readonly claims?: readonly { readonly path: string; readonly step: StepName; readonly key: string }[];
  readonly warnings: readonly string[];
  /** How the run differs from the history of the site. */
  readonly anomalies: readonly Anomaly[];
  readonly duration_ms: number;
  readonly summary: RunSummary | DryRunSummary;
  /** The exit status that an alarm gives to a run without failures: 0, or 3 if the config says so. */
  readonly alarmStatus: number;
  /** True if the run is published but something after that failed: a link, `hooks.after`, cleaning up the store. */
  readonly afterFailed: boolean;
}

/** The part of the outcome that is known when the run is published. */
export type Published = Omit<BackupOutcome, "duration_ms" | "summary">;

export interface BackupOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}
