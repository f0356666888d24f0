/** Deletes one run, unless something still needs it. */
import { lstatSync, renameSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { fsyncDirectory, storeError } from "../../store/files/atomic.ts";
import {
  isRunId,
  listIncomplete,
  runDirectory,
  runsDirectory,
  scratchDirectory,
  stagingDirectory,
} from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { describeOwner } from "../../store/lock/process-owner.ts";
import { listReaders } from "../../store/lock/pins.ts";
import { findLatest, repairLinks } from "../../store/run/publish.ts";
import { listFiles } from "../../store/run/checksums.ts";
import { assertWritable } from "../../store/writable.ts";
import { repairLastGood } from "../anomalies/last-good.ts";
import { findRun, latestRun } from "./find-run.ts";
import { findLastCopies } from "./last-copies.ts";
import { ReinitJournal } from "../journals/reinit-journal.ts";
import { pendingRestores } from "../journals/restore-journal.ts";
import { hintOf, RESTORE_RULES, stateOf } from "../journals/restore-state.ts";
import { acquireStoreLocks } from "../../store/lock/store-locks.ts";

export interface DeleteRequest {
  readonly store: string;
  /** Id of a run, or of one that was interrupted and never published. */
  readonly run: string;
  /** Reports the result without changing anything. */
  readonly dryRun: boolean;
  readonly breakLock: boolean;
}

export interface DeleteOutcome {
  readonly run: string;
  /** True if the run was interrupted and never published. */
  readonly incomplete: boolean;
  /** Size of the files that no other run shares. */
  readonly freed_bytes: number;
}

const UNITS_NAMED = 5;

/**
 * Deletes a run under the store's lock. The run is first renamed, so that a crash leaves a whole run or none. Throws
 * `E_PROTECTED` for the run that `latest` names, one that holds the last good copy of a unit, and one that is being
 * read; `E_RUN_UNKNOWN`, `E_LOCKED`.
 */
export async function deleteRun(
  request: DeleteRequest,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<DeleteOutcome> {
  const { path: store } = await findStore(request.store);
  if (!isRunId(request.run)) {
    throw new HoldfastError("E_USAGE", `${request.run} is not the id of a run`, {
      hint: "use an id like 20261120T020000Z; npx tsx scripts/list.ts shows the runs of the store",
    });
  }
  const taken = new AbortController();
  const signal = AbortSignal.any([options.signal, taken.signal]);
  if (request.dryRun) return await assertDeletable(store, request.run, signal);
  assertWritable(store);
  const lock = await acquireStoreLocks(store, {
    command: "delete",
    breakLock: request.breakLock,
    signal,
    report: options.report,
    onLost: (error) => taken.abort(error),
  });
  try {
    const outcome = await assertDeletable(store, request.run, signal);
    await lock.assertHeld();
    await remove(store, outcome);
    return outcome;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await lock.release();
  }
}

/** Returns the effects of deleting the run. Throws `E_PROTECTED` if it must stay. */
async function assertDeletable(store: string, id: string, signal: AbortSignal): Promise<DeleteOutcome> {
  if (listIncomplete(store).includes(id))
    return { run: id, incomplete: true, freed_bytes: ownBytes(stagingDirectory(store, id)) };
  const run = findRun(store, id);
  if ([latestRun(store), findLatest(store)].includes(run)) {
    throw new HoldfastError("E_PROTECTED", `the run ${run} is the latest`, { hint: "make a newer full backup first" });
  }
  const [reader] = listReaders(store, run);
  if (reader !== undefined) {
    throw new HoldfastError("E_PROTECTED", `the run ${run} is being read by ${describeOwner(reader)}`, {
      hint: "wait until it has ended",
    });
  }
  for (const restore of pendingRestores(store)) {
    const state = stateOf(restore);
    const isUsed = restore.run === run && RESTORE_RULES[state].commands.recover === "finish";
    if (restore.safety_run !== run && !isUsed) continue;
    const why = isUsed ? "being restored by" : "needed to roll back";
    throw new HoldfastError("E_PROTECTED", `the run ${run} is ${why} the restore ${restore.restore}`, {
      hint: hintOf(state, restore.restore),
    });
  }
  if (ReinitJournal.pending(store)?.record.safety_run === run)
    throw new HoldfastError("E_PROTECTED", `the run ${run} is needed to roll back an interrupted reinit`, {
      hint: "end the reinit with npx tsx scripts/reinit.ts --recover",
    });
  const last = await findLastCopies(store, run, signal);
  if (last.length > 0) {
    const more = last.length > UNITS_NAMED ? ` and ${last.length - UNITS_NAMED} more` : "";
    throw new HoldfastError(
      "E_PROTECTED",
      `the run ${run} holds the last good copy of ${last.slice(0, UNITS_NAMED).join(", ")}${more}`,
    );
  }
  return { run, incomplete: false, freed_bytes: ownBytes(runDirectory(store, run)) };
}

async function remove(store: string, { run, incomplete }: DeleteOutcome): Promise<void> {
  // The next backup removes a directory of this name, should this process be killed before it does.
  const trash = scratchDirectory(store, run);
  try {
    removeTree(fromString(trash));
    renameSync(incomplete ? stagingDirectory(store, run) : runDirectory(store, run), trash);
    await fsyncDirectory(runsDirectory(store));
    removeTree(fromString(trash));
    await repairLinks(store);
    await repairLastGood(store);
  } catch (error) {
    throw storeError(`the run ${run} cannot be removed`, error);
  }
}

/** Returns the total size of the files without other hard links. */
const ownBytes = (directory: string): number =>
  listFiles(directory).reduce((sum, file) => {
    const { nlink, size } = lstatSync(path.join(directory, file));
    return nlink === 1 ? sum + size : sum;
  }, 0);
