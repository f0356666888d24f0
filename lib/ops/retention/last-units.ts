/** Plans so that no run goes that holds the last copy of a unit. */
import { lastCopyOf } from "../removal/protections.ts";
import type { Decision, HistoryRun, RetentionPlan } from "./history-run.ts";

/** Plans a history, and finds the units that would be lost, by their run. */
export interface UnitPlanner {
  plan(history: readonly HistoryRun[]): RetentionPlan;
  findLost(decisions: readonly Decision[]): Map<string, string[]> | Promise<Map<string, string[]>>;
}

/** Plans until nothing would be lost: a run that stays for its units may let a cap take another one. */
export async function planWithLastUnits(
  history: readonly HistoryRun[],
  { plan, findLost }: UnitPlanner,
): Promise<RetentionPlan> {
  for (let runs = history; ;) {
    const planned = plan(runs);
    const lost = await findLost(planned.decisions);
    if (lost.size === 0) return planned;
    runs = runs.map((one) => {
      const units = lost.get(one.run);
      return units === undefined ? one : { ...one, protections: [...one.protections, lastCopyOf(units)] };
    });
  }
}
