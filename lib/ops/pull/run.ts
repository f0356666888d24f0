/**
 * Pulls the runs of another host's store into a copy of it here. This host holds the only credential, and decides alone:
 * nothing that is here is removed or overwritten, and a run gets its name when what arrived has the digests of SHA256SUMS.
 */
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { storeSchema } from "../../model/run.ts";
import { printable } from "../../report/printable.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { listRuns } from "../../store/files/layout.ts";
import { holdStoreLocks, type HeldLocks } from "../../store/lock/store-locks.ts";
import { openMirror, type Store } from "../../store/open.ts";
import { openCache } from "../../targets/rsync/fetch.ts";
import { listRunPlaces } from "../../targets/rsync/listing.ts";
import type { Place } from "../../targets/rsync/place/interface.ts";
import type { TransferContext } from "../../targets/rsync/transfer.ts";
import { removedRuns } from "../journals/removals.ts";
import { pullEvidence } from "./evidence.ts";
import { pullRun, type PulledRun } from "./run-copy.ts";

export interface PullRequest {
  readonly place: Place;
  /** The store to copy into; made where none is or was. */
  readonly dest: string;
  /** The site that it must be of; any where undefined. */
  readonly site: string | undefined;
  /** An id; undefined pulls every run that was never here. */
  readonly run: string | undefined;
  readonly breakLock: boolean;
  /** Bytes a second at most. */
  readonly bandwidth: number | undefined;
}

export interface PullHooks {
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly onRun: (run: string) => void;
  /** Bytes received so far, of all runs. */
  readonly onBytes: (bytes: number) => void;
}

export interface PullOutcome {
  readonly from: string;
  readonly store: string;
  /** Oldest first. */
  readonly runs: readonly PulledRun[];
  /** Runs that did not arrive as their SHA256SUMS says; what arrived intact of them is kept for the next pull. */
  readonly refused: readonly { readonly run: string; readonly message: string }[];
  /** Files of evidence that arrived. */
  readonly evidence: number;
}

/**
 * Pulls runs, the oldest first, under the lock of the store here. Throws `E_REMOTE` if the other host fails, `E_STORE`
 * for a store here that is not a copy of that one, `E_RUN_UNKNOWN`, `E_LOCKED`, `E_NO_SPACE`.
 */
export async function pull(request: PullRequest, hooks: PullHooks): Promise<PullOutcome> {
  let received = 0;
  const onBytes = (bytes: number): void => hooks.onBytes((received += bytes));
  const context = { signal: hooks.signal, onBytes, bandwidth: request.bandwidth };
  const store = await openCopy(request, context);
  for (const text of store.warnings) hooks.report({ type: "note", level: "warning", text });
  const { breakLock } = request;
  const locks = await holdStoreLocks(store.path, { command: "pull", breakLock, ...hooks });
  try {
    return await pullLocked(request, store, locks, { ...context, signal: locks.signal }, hooks);
  } catch (error) {
    locks.signal.throwIfAborted();
    throw error;
  } finally {
    await locks.release();
  }
}

/** Opens the store here as a copy of the one there. */
async function openCopy({ place, dest, site }: PullRequest, context: TransferContext): Promise<Store> {
  const cache = openCache(place, context);
  try {
    const original = readDocument(await cache.file("store.json"), storeSchema);
    if (site !== undefined && original.site !== site)
      throw new HoldfastError("E_STORE", `${place.address} is of the site ${printable(original.site)}, not of ${site}`);
    return await openMirror(dest, original, { create: true });
  } finally {
    await cache.close();
  }
}

async function pullLocked(
  request: PullRequest,
  store: Store,
  locks: HeldLocks,
  context: TransferContext,
  hooks: PullHooks,
): Promise<PullOutcome> {
  const { place } = request;
  const there = await listRunPlaces(place, context);
  if (there === undefined) throw new HoldfastError("E_REMOTE", `${place.address}: the account may only write`);
  const complete = [...there].flatMap(([run, { complete: name }]) => (name === undefined ? [] : [{ run, name }]));
  const runs: PulledRun[] = [];
  const refused: { run: string; message: string }[] = [];
  for (const { run, name } of chosen(request, store.path, complete)) {
    hooks.onRun(run);
    try {
      runs.push(await pullRun({ place, run, directory: `runs/${name}`, store, locks }, context));
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_VERIFY") throw error;
      refused.push({ run, message: error.message });
    }
  }
  const evidence = await pullEvidence(place, store.path, context);
  return { from: place.address, store: store.path, runs, refused, evidence };
}

/** Chooses what to pull: what is here is done, and what was removed here does not come back. */
function chosen<T extends { readonly run: string }>(
  { run, place }: PullRequest,
  store: string,
  complete: readonly T[],
): T[] {
  if (run !== undefined && !complete.some((one) => one.run === run))
    throw new HoldfastError("E_RUN_UNKNOWN", `${place.address} has no complete run ${printable(run)}`);
  const [here, removed] = [new Set(listRuns(store)), removedRuns(store)];
  return complete
    .filter((one) => !here.has(one.run) && (run === undefined ? !removed.has(one.run) : one.run === run))
    .toSorted((a, b) => (a.run < b.run ? -1 : 1));
}
