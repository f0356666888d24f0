/** Backs up a site. */
import { loadConfig } from "../config/load.ts";
import { EXIT } from "../errors.ts";
import type { RunStatus } from "../model/run.ts";
import type { StepName } from "../model/unit.ts";
import type { BackupOutcome, BackupRequest, DryRunSummary, RunSummary } from "../ops/backup/request.ts";
import { backup } from "../ops/backup/run.ts";
import { concludeBackup } from "../ops/monitor/backup.ts";
import { monitor } from "../ops/monitor/job.ts";
import { runSummary } from "../report/json.ts";
import { assertApart, warningsTo, wholeNumber, type Frame } from "./call.ts";

export const BACKUP_DEFAULTS = { existing: "skip" } as const;

export interface BackupOptions {
  /** The steps to run; every configured step by default. */
  readonly steps?: readonly StepName[] | undefined;
  /** Project ids and unit names to back up. */
  readonly only?: readonly string[] | undefined;
  /** Project ids and unit names to leave out. */
  readonly skip?: readonly string[] | undefined;
  /** Text types to export; `default` is the first. */
  readonly textTypes?: readonly string[] | undefined;
  /** `skip` reuses unchanged units, `overwrite` rebuilds all. */
  readonly existing?: "skip" | "overwrite" | undefined;
  /** Worker threads. */
  readonly workers?: number | undefined;
  /** Reads every artifact back and compares. */
  readonly checksums?: boolean | undefined;
  /** Continues an interrupted run. */
  readonly resume?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** A second lock file besides the store's own. */
  readonly lockFile?: string | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
  /** Creates a new store where this host recorded one that is missing. */
  readonly newStore?: boolean | undefined;
  /** Makes the run latest although a step lost more than half of its units. */
  readonly acceptLoss?: boolean | undefined;
}

/** The summary of a backup; of a dry run it has neither totals nor a path. */
export type BackupSummary = {
  readonly run: string;
  readonly status: RunStatus;
  readonly total_duration: number;
} & (RunSummary | DryRunSummary);

/** The way in which a backup runs. */
type Way = Pick<BackupRequest, "inProcess" | "command">;

/**
 * Backs up the site of the config into `dest`, or into the config's store. A backup of the whole site is monitored.
 * Throws what `backup` throws.
 */
export async function backupSite(
  { file, dest }: { readonly file: string; readonly dest: string | undefined },
  options: BackupOptions,
  frame: Frame,
  way: Way = { inProcess: false, command: "backup_all" },
): Promise<BackupOutcome> {
  const request = { ...requestOf(options), ...way, config: file, dest };
  const work = async (): Promise<BackupOutcome> => await backup(request, frame);
  if (request.dryRun || request.inProcess) return await work();
  const config = loadConfig(file, process.env);
  return await monitor(
    {
      job: "backup",
      config,
      dest: dest ?? config.dest,
      signal: frame.signal,
      conclude: (outcome, site) => concludeBackup(site, outcome, exitOfBackup(outcome)),
      onWarning: warningsTo(frame),
    },
    work,
  );
}

function requestOf(options: BackupOptions): Omit<BackupRequest, keyof Way | "config" | "dest"> {
  assertApart(options, ["resume", "dryRun"], ["resume", "newStore"]);
  const { workers, name, description, lockFile } = options;
  return {
    steps: options.steps ?? [],
    only: options.only ?? [],
    skip: options.skip ?? [],
    textTypes: options.textTypes ?? [],
    existing: options.existing ?? BACKUP_DEFAULTS.existing,
    workers: workers === undefined ? undefined : wholeNumber("workers", workers, 1),
    checksums: options.checksums ?? false,
    resume: options.resume ?? false,
    dryRun: options.dryRun ?? false,
    name,
    description,
    tags: options.tags ?? [],
    lockFile,
    breakLock: options.breakLock ?? false,
    newStore: options.newStore ?? false,
    acceptLoss: options.acceptLoss ?? false,
  };
}

/** Returns the exit status of a backup: 3 if units failed, or what follows the publication did. */
export const exitOfBackup = ({ status, afterFailed, alarmStatus }: BackupOutcome): number =>
  afterFailed || status === "partial" ? EXIT.partial : alarmStatus;

export const backupSummary = (outcome: BackupOutcome): BackupSummary => runSummary(outcome);
