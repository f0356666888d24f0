/** The session of a run: the store, the locks, the directory that is written, and the cleanup. */
import { mkdirSync, statfsSync } from "node:fs";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Report } from "../../model/event.ts";
import { formatBytes } from "../../report/format.ts";
import {
  listIncomplete,
  listRuns,
  nextRunId,
  runDirectory,
  scratchDirectory,
  stagingDirectory,
  timeOfRun,
} from "../../store/files/layout.ts";
import { clearTemporary } from "../../store/run/temporary.ts";
import { sweepPins } from "../../store/lock/pins.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { openStore, type Store } from "../../store/open.ts";
import { findLatest, repairLinks } from "../../store/run/publish.ts";
import { repairLastGood } from "../anomalies/last-good.ts";
import { assertNoPendingReinit } from "../journals/reinit-journal.ts";
import { pendingRestores } from "../journals/restore-journal.ts";
import { hintOf, RESTORE_RULES, stateOf } from "../journals/restore-state.ts";
import type { BackupRequest } from "./request.ts";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { configuredSeal, trySeal } from "../../store/seal/configured.ts";
import { namesDirectory, prepareNames } from "../../store/sealed-names.ts";
import type { Seal } from "../../model/seal.ts";
import { acquireStoreLocks, type StoreLocks } from "../../store/lock/store-locks.ts";

export interface Session {
  readonly store: Store;
  readonly run: string;
  readonly resumed: boolean;
  readonly staging: string;
  readonly scratch: string;
  /** A directory for copies of content: outside of the store where artifacts are sealed. */
  readonly copies: string;
  readonly seal: Seal | undefined;
  /** The directory of this host for what is sealed of the names in runs. */
  readonly names: string | undefined;
  readonly locks: StoreLocks;
  /** Releases the locks and removes temporary files; also the staging directory unless it is kept for `--resume`. */
  end(keepStaging: boolean): Promise<void>;
}

/** Opens the store, takes the locks, repairs what a crash left, and prepares the directory of the run. */
export async function beginSession(
  config: SiteConfig,
  request: BackupRequest,
  signal: AbortSignal,
  report: Report,
  abort: (error: HoldfastError) => void,
): Promise<Session> {
  const store = await openStore(destOf(config, request), config.site, { create: true, newStore: request.newStore });
  for (const text of store.warnings) report({ type: "note", level: "warning", text });
  const { command, breakLock, safety } = request;
  const lockFile = request.lockFile ?? config.lock_file;
  const locks =
    safety?.locks ??
    (await acquireStoreLocks(store.path, { command, breakLock, lockFile, signal, report, onLost: abort }));
  const release = async (): Promise<void> => {
    if (safety === undefined) await locks.release();
  };
  try {
    assertNotHalfRestored(store.path);
    assertNoPendingReinit(store.path);
    for (const link of await repairLinks(store.path))
      report({ type: "note", level: "info", text: `the link ${link} was repaired` });
    if (await repairLastGood(store.path))
      report({ type: "note", level: "info", text: "the document last_good was repaired" });
    const seal = configuredSeal(config);
    if (seal !== undefined) await trySeal(seal, signal);
    const { run, resumed } = chooseRun(store.path, request, report);
    checkFreeSpace(store.path, request.existing);
    const staging = stagingDirectory(store.path, run);
    const scratch = scratchDirectory(store.path, run);
    clearTemporary(store.path);
    sweepPins(store.path);
    const names = namesDirectory(store.path, seal);
    for (const text of names === undefined ? [] : prepareNames(names, store.path, run))
      report({ type: "note", level: "warning", text });
    mkdirSync(staging, { recursive: true });
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    const outside = seal === undefined ? undefined : privateDirectory();
    return {
      store,
      run,
      resumed,
      staging,
      scratch,
      copies: outside?.path ?? scratch,
      seal,
      names,
      locks,
      end: async (keepStaging) => {
        removeTree(fromString(scratch));
        outside?.remove();
        if (!keepStaging) removeTree(fromString(staging));
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Throws `E_PENDING` while an in-place restore is half done: a backup would mix two states of the site. */
function assertNotHalfRestored(store: string): void {
  const half = pendingRestores(store).find((one) => one.target === "in-place" && !RESTORE_RULES[stateOf(one)].backup);
  if (half === undefined) return;
  throw new HoldfastError("E_PENDING", `the restore ${half.restore} was interrupted while replacing the site`, {
    hint: hintOf(stateOf(half), half.restore),
  });
}

/** Returns the store of a request. Throws `E_USAGE` if none is given. */
export function destOf(config: SiteConfig, request: BackupRequest): string {
  const dest = request.dest ?? config.dest;
  if (dest !== undefined) return dest;
  throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config");
}

/**
 * Chooses the run to write: a new one, or with `--resume` the newest interrupted one. Removes other interrupted runs.
 */
function chooseRun(
  store: string,
  { resume, safety }: BackupRequest,
  report: Report,
): { run: string; resumed: boolean } {
  const incomplete = safety === undefined ? listIncomplete(store) : [];
  const resumed = resume ? incomplete.at(-1) : undefined;
  if (resume && resumed === undefined)
    report({ type: "note", level: "warning", text: "there is no interrupted run to resume; starting a new one" });
  for (const run of incomplete) {
    if (run === resumed) continue;
    removeTree(fromString(stagingDirectory(store, run)));
    report({ type: "note", level: "info", text: `the interrupted run ${run} was removed` });
  }
  if (resumed !== undefined) return { run: resumed, resumed: true };
  const newest = listRuns(store).at(-1);
  const now = new Date();
  if (newest !== undefined && timeOfRun(newest) > now) {
    report({ type: "note", level: "warning", text: `the clock is behind the newest run, ${newest}` });
  }
  return { run: nextRunId(now, newest), resumed: false };
}

/** Checks the free space: a run needs about what the last one wrote, or held if everything is rebuilt. */
function checkFreeSpace(store: string, existing: "skip" | "overwrite"): void {
  const latest = findLatest(store);
  if (latest === undefined) return;
  const { totals } = readManifestHead(runDirectory(store, latest));
  const needed = existing === "overwrite" ? totals.size_bytes : totals.written_bytes;
  const disk = statfsSync(store);
  const free = disk.bavail * disk.bsize;
  if (free >= needed) return;
  throw new HoldfastError(
    "E_NO_SPACE",
    `the store's disk has ${formatBytes(free)} free, but the last run wrote ${formatBytes(needed)}`,
  );
}
