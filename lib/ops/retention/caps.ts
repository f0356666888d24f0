/** The hard caps of a policy: by count and by age, over all runs of the store. */
import { timeBefore } from "../../config/settings/duration.ts";
import type { RetentionPolicy } from "../../config/settings/retention.ts";
import { plural } from "../../report/format.ts";
import { timeOfRun } from "../../store/files/layout.ts";
import type { Decision, RetentionPlan } from "./history-run.ts";

/**
 * Lets go of what the caps forbid: the oldest unprotected first, and those that are not good before any good one.
 * `cap` tells of runs that would have to go and are protected.
 */
export function applyCaps(
  decisions: readonly Decision[],
  { maxRuns, maxAge }: RetentionPolicy,
  now: Date,
): Pick<RetentionPlan, "decisions" | "cap"> {
  const reasons = new Map<string, string>();
  const oldest = maxAge === undefined ? undefined : timeBefore(now, maxAge);
  const kept = decisions.filter(({ keep }) => keep).toSorted(byCap);
  const isProtected = ({ protections }: Decision): boolean => protections.length > 0;
  const stopped = new Set<Decision>();
  for (const one of kept) {
    if (oldest === undefined || timeOfRun(one.run) >= oldest) continue;
    if (isProtected(one)) stopped.add(one);
    else reasons.set(one.run, `older than the cap of ${maxAge?.text ?? ""}`);
  }
  let over = maxRuns === 0 ? 0 : kept.length - reasons.size - maxRuns;
  for (const one of kept) {
    if (over <= 0) break;
    if (isProtected(one) || reasons.has(one.run)) continue;
    reasons.set(one.run, `over the cap of ${plural(maxRuns, "run")}`);
    over--;
  }
  for (const one of kept.filter(isProtected).slice(0, Math.max(0, over))) stopped.add(one);
  return {
    decisions: decisions.map((one) => {
      const reason = reasons.get(one.run);
      return reason === undefined ? one : { ...one, keep: false, reasons: [reason] };
    }),
    cap: stopped.size === 0 ? null : lineOf([...stopped]),
  };
}

/** Sorts the runs that a cap takes first to the front. */
function byCap(a: Decision, b: Decision): number {
  const [first, second] = [a, b].map(({ standing }) => (standing === "good" ? 1 : 0));
  return (first ?? 0) - (second ?? 0) || (a.run < b.run ? -1 : 1);
}

function lineOf(stopped: readonly Decision[]): string {
  const kinds = new Set(stopped.flatMap(({ protections }) => protections.map(({ kind }) => kind)));
  const number = plural(stopped.length, "run is", "runs are");
  return `cap not reached: ${number} protected (${[...kinds].join(", ")})`;
}
