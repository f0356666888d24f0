/** Prunes a store: removes the runs that the policy does not keep, and what interrupted runs left. */
import type { RetentionPolicy } from "../../config/settings/retention.ts";
import type { Signing } from "../../config/settings/signing.ts";
import type { Report } from "../../model/event.ts";
import { listIncomplete } from "../../store/files/layout.ts";
import { holdStoreLocks, type StoreLocks } from "../../store/lock/store-locks.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { clearTemporary } from "../../store/run/temporary.ts";
import { assertWritable } from "../../store/writable.ts";
import type { RemovalEntry } from "../journals/removals.ts";
import { findLastCopies, UnitCopies } from "../removal/last-copies.ts";
import { bytesFreedBy, removeRuns, type Spared } from "../removal/remove.ts";
import { findRunning } from "../runs/list.ts";
import type { ProofOptions } from "../runs/proof.ts";
import type { StorePlace } from "../signing/memory.ts";
import { readHistory } from "./history.ts";
import type { Decision, RetentionPlan } from "./history-run.ts";
import { planWithLastUnits } from "./last-units.ts";
import type { Standing } from "./standing.ts";
import { GRACE_DAYS, isPastGrace, planRetention } from "./plan.ts";

export interface PruneRequest {
  readonly store: string;
  readonly policy: RetentionPolicy;
  /** Reports the result without changing anything. */
  readonly dryRun: boolean;
  readonly breakLock: boolean;
  /** Names of targets that must have a run before it goes. */
  readonly required?: readonly string[] | undefined;
  /** The second lock. */
  readonly lockFile?: string | undefined;
  /** The signers whose proofs count; signs the journal, if it has a key. */
  readonly signing?: Signing | undefined;
}

export interface PruneOutcome extends RetentionPlan {
  /** Ids of interrupted runs whose directories are removed. */
  readonly interrupted: readonly string[];
  /** Size of the files that no other run shares. */
  readonly freed_bytes: number;
}

interface PruneOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/**
 * Prunes a store under its lock. A dry run decides the same and changes nothing. Throws `E_STORE`, `E_LOCKED`,
 * `E_VERIFY` for an unreadable journal of a restore or reinit.
 */
export async function prune(request: PruneRequest, options: PruneOptions): Promise<PruneOutcome> {
  const place = await findStore(request.store);
  const { path: store } = place;
  const signing = openSigning(request.signing, store);
  if (request.dryRun)
    return await planPruning(store, request, await findRunning(store), { signing, signal: options.signal });
  assertWritable(store);
  const { breakLock, lockFile, policy, required } = request;
  const locks = await holdStoreLocks(store, { command: "prune", breakLock, lockFile, ...options });
  const { signal } = locks;
  try {
    return await pruneLocked({ place, policy, required, command: "prune", signing }, locks, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await locks.release();
  }
}

interface LockedPruning extends Pick<PruneRequest, "policy" | "required"> {
  readonly place: StorePlace;
  readonly command: string;
  readonly signing: Signing | undefined;
}

/** Prunes a store whose locks the caller holds. */
export async function pruneLocked(
  { place, policy, required, command, signing }: LockedPruning,
  locks: StoreLocks,
  signal: AbortSignal,
): Promise<PruneOutcome> {
  const { path: store } = place;
  clearTemporary(store);
  const outcome = await planPruning(store, { policy, required }, undefined, { signing, signal });
  const entries = removalsOf(outcome).map((entry) => ({ ...entry, command }));
  return withSpared(outcome, await removeRuns(place, entries, { locks, signing, signal }));
}

/** Plans the removals; `running` is the run that is being written. */
async function planPruning(
  store: string,
  { policy, required }: Pick<PruneRequest, "policy" | "required">,
  running: string | undefined,
  { signing, signal }: ProofOptions,
): Promise<PruneOutcome> {
  const now = new Date();
  const copies = new UnitCopies(store, signal);
  const history = await readHistory(store, policy, { copies, now, signing, signal, required });
  const plan = await planWithLastUnits(history, {
    plan: (runs) => planRetention(runs, policy, now),
    findLost: async (decisions) => await findLost(decisions, copies),
  });
  const interrupted =
    plan.blocked === null ? listIncomplete(store).filter((run) => run !== running && isPastGrace(run, now)) : [];
  const outcome = { ...plan, interrupted, freed_bytes: 0 };
  return { ...outcome, freed_bytes: bytesFreedBy(store, removalsOf(outcome)) };
}

/** Finds the last copies that would go, of several the newest. A good run goes only if good runs that stay hold its units. */
async function findLost(decisions: readonly Decision[], copies: UnitCopies): Promise<Map<string, string[]>> {
  const runsIn = (keep: boolean, standings: readonly Standing[]): string[] =>
    standings
      .flatMap((one) => decisions.filter((each) => each.keep === keep && each.standing === one))
      .map(({ run }) => run);
  const lost = await findLastCopies(copies, runsIn(false, ["good"]), runsIn(true, ["good"]));
  if (lost.size > 0) return lost;
  const holders = runsIn(true, ["good", "bad", "selection", "damaged"]);
  return await findLastCopies(copies, runsIn(false, ["bad", "selection", "safety"]), holders);
}

const removalsOf = ({ decisions, interrupted }: Pick<PruneOutcome, "decisions" | "interrupted">) =>
  [
    ...decisions
      .filter(({ keep }) => !keep)
      .map(({ run, reasons }) => ({ run, incomplete: false, why: reasons.join(", ") })),
    ...interrupted.map((run) => ({ run, incomplete: true, why: `interrupted, older than ${GRACE_DAYS} days` })),
  ] satisfies Omit<RemovalEntry, "command">[];

/** Returns the outcome with the runs that were protected after they were planned to go. */
function withSpared(outcome: PruneOutcome, spared: readonly Spared[]): PruneOutcome {
  if (spared.length === 0) return outcome;
  const decisions = outcome.decisions.map((one): Decision => {
    const found = spared.find(({ run }) => run === one.run);
    return found === undefined ? one : { ...one, keep: true, reasons: [], protections: [found.protection] };
  });
  return { ...outcome, decisions };
}
