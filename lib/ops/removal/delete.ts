/** Deletes one run, unless something still needs it. */
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { isRunId, listIncomplete, listRuns, runDirectory } from "../../store/files/layout.ts";
import { holdStoreLocks } from "../../store/lock/store-locks.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { assertWritable } from "../../store/writable.ts";
import { findRun } from "../runs/find-run.ts";
import { findLastCopies, UnitCopies } from "./last-copies.ts";
import { lastCopyOf, readProtections, type Protection } from "./protections.ts";
import { bytesFreedBy, removeRuns } from "./remove.ts";

export interface DeleteRequest {
  readonly store: string;
  /** Id of a run, or of one that was interrupted and never published. */
  readonly run: string;
  /** Reports the result without changing anything. */
  readonly dryRun: boolean;
  readonly breakLock: boolean;
  /** Signs the journal. */
  readonly signing?: Signing | undefined;
}

export interface DeleteOutcome {
  readonly run: string;
  /** True if the run was interrupted and never published. */
  readonly incomplete: boolean;
  /** Size of the files that no other run shares. */
  readonly freed_bytes: number;
}

/**
 * Deletes a run under the store's lock. The run is first renamed, so that a crash leaves a whole run or none. Throws
 * `E_PROTECTED` for the run that `latest` names, one that holds the last good copy of a unit, and one that is being
 * read; `E_RUN_UNKNOWN`, `E_LOCKED`.
 */
export async function deleteRun(
  request: DeleteRequest,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<DeleteOutcome> {
  const place = await findStore(request.store);
  const { path: store } = place;
  const signing = openSigning(request.signing, store);
  if (!isRunId(request.run)) {
    throw new HoldfastError("E_USAGE", `${request.run} is not the id of a run`, {
      hint: "use an id like 20261120T020000Z; npx tsx scripts/list.ts shows the runs of the store",
    });
  }
  if (request.dryRun) return await assertDeletable(store, request.run, options.signal);
  assertWritable(store);
  const locks = await holdStoreLocks(store, { command: "delete", breakLock: request.breakLock, ...options });
  const { signal } = locks;
  try {
    const outcome = await assertDeletable(store, request.run, signal);
    const why = "the operator named it";
    const { run, incomplete } = outcome;
    const [spared] = await removeRuns(place, [{ run, incomplete, why, command: "delete" }], {
      locks,
      signing,
      signal,
    });
    if (spared !== undefined) throw protectedError(run, spared.protection);
    return outcome;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await locks.release();
  }
}

/** Returns the effects of deleting the run. Throws `E_PROTECTED` if it must stay. */
async function assertDeletable(store: string, id: string, signal: AbortSignal): Promise<DeleteOutcome> {
  const incomplete = listIncomplete(store).includes(id);
  if (!incomplete) await assertUnprotected(store, findRun(store, id), signal);
  return { run: id, incomplete, freed_bytes: bytesFreedBy(store, [{ run: id, incomplete }]) };
}

async function assertUnprotected(store: string, run: string, signal: AbortSignal): Promise<void> {
  const [protection] = readProtections(store)(run);
  if (protection !== undefined) throw protectedError(run, protection);
  const kept = listRuns(store)
    .toReversed()
    .filter((one) => one !== run && !isSafety(runDirectory(store, one)));
  const units = (await findLastCopies(new UnitCopies(store, signal), [run], kept)).get(run);
  if (units !== undefined) throw protectedError(run, lastCopyOf(units));
}

const protectedError = (run: string, { text, hint }: Protection): HoldfastError =>
  new HoldfastError("E_PROTECTED", `the run ${run} ${text}`, hint === undefined ? {} : { hint });

/** Checks whether a run is a safety copy, which may hold the very state that a restore had to replace. */
function isSafety(directory: string): boolean {
  try {
    return readManifestHead(directory).kind === "safety";
  } catch {
    return false; // a damaged manifest does not affect the units
  }
}
