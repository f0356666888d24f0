/** Pushes runs of a store to a target, with the evidence of all its runs. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { listRuns } from "../../store/files/layout.ts";
import { acquireLock } from "../../store/lock/acquire.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { findStore } from "../../store/open.ts";
import { readLocalRun, type LocalRun } from "../../targets/core/local-run.ts";
import { readReceipts } from "../../targets/core/receipts.ts";
import { sweepDrafts } from "../../targets/core/state.ts";
import type { Target } from "../../targets/core/target.ts";
import { findRun } from "../runs/find-run.ts";
import { evidenceOf } from "./evidence.ts";
import { recordPush } from "./last-push.ts";
import { neededRuns } from "./needed-runs.ts";
import { openNamed, probeAndRecord, type OpenedTarget } from "./open.ts";

export interface PushRequest {
  readonly store: string;
  readonly config: SiteConfig;
  readonly target: string;
  /** An id, `latest` or `last`; undefined pushes every run that the target has no receipt of. */
  readonly run: string | undefined;
  /** Reports what would be sent, by the receipts alone; nothing is sent or asked. */
  readonly dryRun: boolean;
}

export interface PushHooks {
  readonly signal: AbortSignal;
  /** A run begins; `bytes` has all its files. */
  readonly onRun: (run: string, bytes: number) => void;
  /** Bytes sent so far, of all runs. */
  readonly onBytes: (bytes: number) => void;
  readonly onWarning: (text: string) => void;
}

export interface PushedRun {
  readonly run: string;
  readonly sums_sha256: string;
  readonly files: number;
  readonly size_bytes: number;
  readonly sent_files: number;
  readonly sent_bytes: number;
}

export interface PushOutcome {
  readonly target: string;
  readonly address: string;
  readonly dry_run: boolean;
  /** Oldest first. */
  readonly runs: readonly PushedRun[];
  /** Objects whose lock was extended. */
  readonly locks_extended: number;
}

/**
 * Pushes runs, the oldest first, each pinned while it is read. Throws `E_REMOTE` if the target fails, `E_VERIFY` for a
 * damaged run, `E_LOCKED` if another process pushes to it.
 */
export async function push(request: PushRequest, hooks: PushHooks): Promise<PushOutcome> {
  const { path: store, site } = await findStore(request.store);
  if (site !== request.config.site)
    throw new HoldfastError(
      "E_CONFIG",
      `the store belongs to the site ${site}, but the config to ${request.config.site}`,
    );
  if (request.dryRun)
    return await withTarget(
      request,
      store,
      hooks,
      async ({ target }) => await preview(runsOf(request, store, target), store, target, hooks),
    );
  return await whilePushing(store, request.target, hooks, async (signal) => {
    const own = { ...hooks, signal };
    return await withTarget(request, store, own, async ({ target, known }) => {
      const runs = runsOf(request, store, target);
      if (known === undefined) await probeAndRecord(store, target);
      const pushed: PushedRun[] = [];
      for (const run of runs) pushed.push(await pushOne(run, store, target, own));
      const locks_extended = await target.extendLocks(
        async () => await neededRuns(store, target.name, request.config, signal),
      );
      await target.sendEvidence(await evidenceOf(store, signal));
      await recordPush(store, target.name, target.address);
      return { target: target.name, address: target.address, dry_run: false, runs: pushed, locks_extended };
    });
  });
}

async function withTarget<T>(
  { target: name, config }: PushRequest,
  store: string,
  { signal, onBytes, onWarning }: PushHooks,
  work: (opened: OpenedTarget) => Promise<T>,
): Promise<T> {
  let done = 0;
  const count = (bytes: number): void => onBytes((done += bytes));
  const opened = await openNamed(name, config, store, { signal, onBytes: count, onNote: onWarning });
  try {
    return await work(opened);
  } finally {
    await opened.target.close();
  }
}

/** Runs `work` while no other process pushes to this target: both would send the same. */
async function whilePushing<T>(
  store: string,
  name: string,
  { signal, onWarning }: PushHooks,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const compromised = new AbortController();
  const tmp = path.join(store, ".tmp");
  const lock = await acquireLock(path.join(tmp, `push-${name}.lock`), {
    command: "push",
    signal,
    tmp,
    onNote: onWarning,
    onCompromised: (error) => compromised.abort(error),
  });
  try {
    sweepDrafts(store, name);
    return await work(AbortSignal.any([signal, compromised.signal]));
  } finally {
    await lock.release();
  }
}

function runsOf({ run, target: name }: PushRequest, store: string, target: Target): string[] {
  if (run !== undefined) return [findRun(store, run)];
  const acknowledged = new Set(readReceipts(store, name, target.address).map((receipt) => receipt.run));
  return listRuns(store).filter((one) => !acknowledged.has(one));
}

async function pushOne(run: string, store: string, target: Target, hooks: PushHooks): Promise<PushedRun> {
  const unpin = await pinRun(store, run, "push");
  try {
    const local = await readLocalRun(store, run, hooks.signal);
    hooks.onRun(run, sizeOf(local));
    const { sent } = await target.push(local);
    return { ...describe(local), sent_files: sent.files, sent_bytes: sent.bytes };
  } finally {
    unpin();
  }
}

/** Says what would be sent, as far as receipts tell. */
async function preview(
  runs: readonly string[],
  store: string,
  target: Target,
  { signal }: PushHooks,
): Promise<PushOutcome> {
  const receipts = readReceipts(store, target.name, target.address);
  const known = new Set(receipts.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
  const pushed: PushedRun[] = [];
  for (const run of runs) {
    const local = await readLocalRun(store, run, signal);
    const isThere = receipts.some((receipt) => receipt.run === run);
    const files = isThere ? [] : filesOf(local).filter(({ sha256 }) => !known.has(sha256));
    pushed.push({
      ...describe(local),
      sent_files: files.length,
      sent_bytes: files.reduce((sum, { size }) => sum + size, 0),
    });
    for (const { sha256 } of local.artifacts) known.add(sha256);
  }
  return { target: target.name, address: target.address, dry_run: true, runs: pushed, locks_extended: 0 };
}

const filesOf = ({ artifacts, documents, sums, signature }: LocalRun) => [
  ...artifacts,
  ...documents,
  sums,
  ...(signature === undefined ? [] : [signature]),
];

const sizeOf = (run: LocalRun): number => filesOf(run).reduce((sum, { size }) => sum + size, 0);

const describe = (run: LocalRun) => ({
  run: run.run,
  sums_sha256: run.sums.sha256,
  files: filesOf(run).length,
  size_bytes: sizeOf(run),
});
