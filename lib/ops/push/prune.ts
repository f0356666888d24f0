/** Prunes a target by its retention: the same rules as for a store, over the runs and the evidence that are there. */
import type { SiteConfig } from "../../config/load.ts";
import { retentionPolicy, type RetentionPolicy, type RetentionSettings } from "../../config/settings/retention.ts";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { findStore } from "../../store/open.ts";
import type { PruneResult } from "../../targets/core/target.ts";
import { UnitCopies } from "../removal/last-copies.ts";
import { readHistory } from "../retention/history.ts";
import type { Decision, RetentionPlan } from "../retention/history-run.ts";
import { planWithLastUnits } from "../retention/last-units.ts";
import { GRACE_DAYS, planRetention } from "../retention/plan.ts";
import { mirrorDocuments } from "./mirror.ts";
import { openNamed, probeAndRecord } from "./open.ts";
import { openSigning } from "../../store/signing/open.ts";
import type { ProofOptions } from "../runs/proof.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export interface PruneTargetRequest {
  /** The store, where there is one: an administrator's machine has none. */
  readonly store: string | undefined;
  readonly config: SiteConfig;
  readonly target: string;
  /** Rules that count before those of the config. */
  readonly rules: RetentionSettings;
  /** False shows what would be removed. */
  readonly remove: boolean;
}

export interface PruneTargetHooks {
  readonly signal: AbortSignal;
  readonly onWarning: (text: string) => void;
}

export interface TargetPruneOutcome extends RetentionPlan, Pick<PruneResult, "objects" | "bytes" | "kept"> {
  readonly target: string;
  readonly address: string;
  readonly dry_run: boolean;
}

/** Plans, and removes if asked to. Throws `E_REMOTE`, also without the right to delete. */
export async function pruneTarget(request: PruneTargetRequest, hooks: PruneTargetHooks): Promise<TargetPruneOutcome> {
  const mirror = privateDirectory();
  try {
    return await pruneWith(mirror.path, request, hooks);
  } finally {
    mirror.remove();
  }
}

async function pruneWith(
  mirror: string,
  { store: dest, config, target: name, rules, remove }: PruneTargetRequest,
  { signal, onWarning }: PruneTargetHooks,
): Promise<TargetPruneOutcome> {
  const store = dest === undefined ? undefined : (await findStore(dest)).path;
  const state = store ?? mirror;
  const { target, known } = await openNamed(name, config, state, { signal, onBytes: () => {}, onNote: onWarning });
  try {
    if (known === undefined) await probeAndRecord(state, target);
    await mirrorDocuments(target, mirror, store, { signal, onWarning });
    const policy = retentionPolicy(rules, config.targets[name]?.retention, config.retention);
    const plan = await planFor(mirror, policy, { signing: openSigning(config.signing, mirror), signal });
    const going = plan.decisions.filter(({ keep }) => !keep).map(({ run }) => run);
    const minAgeMs = GRACE_DAYS * DAY_MS;
    const { objects, bytes, kept } = await target.prune({ remove: going, dryRun: !remove, minAgeMs });
    return { ...plan, target: name, address: target.address, dry_run: !remove, objects, bytes, kept };
  } finally {
    await target.close();
  }
}

async function planFor(mirror: string, policy: RetentionPolicy, options: ProofOptions): Promise<RetentionPlan> {
  const now = new Date();
  const copies = new UnitCopies(mirror, options.signal);
  return await planWithLastUnits(await readHistory(mirror, policy, { copies, now, ...options }), {
    plan: (runs) => planRetention(runs, policy, now),
    findLost: (decisions) => lastUnits(decisions, copies),
  });
}

/** Finds the newest run of each unit that no good run which stays has. */
function lastUnits(decisions: readonly Decision[], copies: UnitCopies): Map<string, string[]> {
  const good = decisions.filter(({ standing }) => standing === "good");
  const held = new Set(good.filter(({ keep }) => keep).flatMap(({ run }) => [...copies.unitsOf(run).keys()]));
  const lost = new Map<string, string[]>();
  // The newest is first.
  for (const { run } of good.filter(({ keep }) => !keep))
    for (const unit of copies.unitsOf(run).keys()) {
      if (held.has(unit)) continue;
      held.add(unit);
      lost.set(run, [...(lost.get(run) ?? []), unit]);
    }
  return lost;
}
