/** Pushed runs that the retention of a target still needs. */
import type { SiteConfig } from "../../config/load.ts";
import { retentionPolicy } from "../../config/settings/retention.ts";
import { listReceipts } from "../../targets/core/receipts.ts";
import { UnitCopies } from "../removal/last-copies.ts";
import type { HistoryRun } from "../retention/history-run.ts";
import { readHistory } from "../retention/history.ts";
import { planRetention } from "../retention/plan.ts";
import { openSigning } from "../../store/signing/open.ts";

/**
 * Returns the runs that were pushed and stay. A run that the store does not have any more counts as a good one: its lock is
 * rather extended than not.
 */
export async function neededRuns(
  store: string,
  target: string,
  config: SiteConfig,
  signal: AbortSignal,
): Promise<string[]> {
  const now = new Date();
  const policy = retentionPolicy(config.targets[target]?.retention, config.retention);
  const here = await readHistory(store, policy, {
    copies: new UnitCopies(store, signal),
    now,
    signing: openSigning(config.signing, store),
    signal,
  });
  const pushed = listReceipts(store, target);
  const gone = pushed.filter((run) => here.every((one) => one.run !== run));
  const history = [...here.filter(({ run }) => pushed.includes(run)), ...gone.map(asGood)];
  const { decisions } = planRetention(history, policy, now);
  return decisions.filter(({ keep }) => keep).map(({ run }) => run);
}

const asGood = (run: string): HistoryRun => ({
  run,
  standing: "good",
  fault: null,
  tags: [],
  proof: null,
  superseded: false,
  protections: [],
});
