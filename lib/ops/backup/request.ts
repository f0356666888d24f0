/** What a backup is asked to do, and what came of it. */
import type { Report } from "../../model/event.ts";
import type { RunStatus, Scope, Totals } from "../../model/run.ts";
import type { Lock } from "../../store/lock/acquire.ts";
import type { Failure, StepName } from "../../model/unit.ts";

export interface BackupRequest {
  /** Path of the config file. */
  readonly config: string;
  readonly dest?: string | undefined;
  /** Empty: every configured step. */
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
  /** The run may become `latest` although a step lost more than half of its units. */
  readonly acceptLoss: boolean;
  /** Run the steps in this process rather than each as a sub-script: for a sub-script that was started alone. */
  readonly inProcess: boolean;
  /** A copy of what a restore is about to overwrite, made under the locks that the restore holds: no hooks run, and the run is no backup. */
  readonly safety?: { readonly locks: readonly Lock[] };
  /** The command's name for the lock, e.g. `backup_all`. */
  readonly command: string;
}

export interface BackupOutcome {
  readonly run: string;
  /** Absolute path of the published run; of nothing in a dry run. */
  readonly path: string | null;
  readonly status: RunStatus;
  readonly scope: Scope;
  readonly totals: Totals;
  readonly failures: readonly Failure[];
  readonly uncovered: readonly string[];
  /** Of a dry run: which config key takes which path of the site, and for which step. */
  readonly claims?: readonly { readonly path: string; readonly step: StepName; readonly key: string }[];
  readonly warnings: readonly string[];
  /** The run is published, and something after that failed: a link, `hooks.after`, tidying the store. */
  readonly afterFailed: boolean;
}

export interface BackupOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}
