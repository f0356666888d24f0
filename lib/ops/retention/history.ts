/** Reads the history of a store: every published run with what its documents say of it. */
import type { RetentionPolicy } from "../../config/settings/retention.ts";
import { listRuns, timeOfRun } from "../../store/files/layout.ts";
import type { UnitCopies } from "../removal/last-copies.ts";
import { readProtections, type Protection } from "../removal/protections.ts";
import { isFuture } from "../../store/files/clock.ts";
import type { HistoryRun } from "./history-run.ts";
import type { ProofOptions } from "../runs/proof.ts";
import { acceptanceCounts } from "../anomalies/accepted.ts";
import { proofOf } from "./proof.ts";
import { judgeRun, type Judged } from "./standing.ts";

/** Reads the runs of a store, oldest first. Throws `E_VERIFY` for an unreadable journal of a restore or reinit. */
export async function readHistory(
  store: string,
  policy: RetentionPolicy,
  {
    copies,
    now,
    required = [],
    ...options
  }: ProofOptions & {
    readonly copies: UnitCopies;
    readonly now: Date;
    /** Names of targets that must have a run before it goes. */
    readonly required?: readonly string[] | undefined;
  },
): Promise<HistoryRun[]> {
  const protectionsOf = readProtections(store);
  const notPushed = await findNotPushed(store, required);
  const judged: (Judged & Pick<HistoryRun, "run">)[] = [];
  for (const run of listRuns(store))
    judged.push({ run, ...judgeRun(store, run, await acceptanceCounts(store, run, options)) });
  const newestGood = judged.findLast(({ run, standing }) => standing === "good" && !isFuture(timeOfRun(run), now))?.run;
  const history: HistoryRun[] = [];
  for (const one of judged) {
    const { run, standing } = one;
    options.signal.throwIfAborted();
    history.push({
      ...one,
      proof: standing === "good" ? await proofOf(store, run, policy, { now, ...options }) : null,
      superseded:
        standing === "bad" && newestGood !== undefined && newestGood > run && isWithin(copies, run, newestGood),
      protections: [...protectionsOf(run), ...notPushed(run)],
    });
  }
  return history;
}

/** Returns a function that names the required targets which did not acknowledge a run. */
async function findNotPushed(store: string, required: readonly string[]): Promise<(run: string) => Protection[]> {
  if (required.length === 0) return () => [];
  const { isAcknowledged } = await import("../../targets/core/receipts.ts");
  return (run) =>
    required.flatMap((target) =>
      isAcknowledged(store, target, run)
        ? []
        : [
            {
              kind: "not off-site",
              text: `is not on the target ${target} yet`,
              hint: `npx tsx scripts/push.ts ${run} --target ${target}`,
            },
          ],
    );
}

/** Checks whether each unit of a run is in another one too. */
function isWithin(copies: UnitCopies, run: string, other: string): boolean {
  const units = copies.unitsOf(other);
  return [...copies.unitsOf(run).keys()].every((unit) => units.has(unit));
}
