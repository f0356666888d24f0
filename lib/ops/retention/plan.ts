/** Decides which runs stay and which go: a function of the history, the policy and the time alone. */
import { timeBefore } from "../../config/settings/duration.ts";
import type { RetentionPolicy } from "../../config/settings/retention.ts";
import { timeOfRun } from "../../store/files/layout.ts";
import type { Protection } from "../removal/protections.ts";
import { applyCaps } from "./caps.ts";
import { isFuture } from "../../store/files/clock.ts";
import type { Decision, HistoryRun, RetentionPlan } from "./history-run.ts";
import { applyRules } from "./rules.ts";

/** How long a run stays that keep rules do not choose among, and a directory of an interrupted run. */
export const GRACE_DAYS = 7;

/** Checks whether the days of grace of a run are over. */
export const isPastGrace = (run: string, now: Date): boolean =>
  timeOfRun(run).getTime() < now.getTime() - GRACE_DAYS * 24 * 3_600_000;

/** Plans the retention of a history in any order. Protected runs stay whatever the rules and the caps say. */
export function planRetention(history: readonly HistoryRun[], policy: RetentionPolicy, now: Date): RetentionPlan {
  const newestFirst = history.toSorted((a, b) => (a.run < b.run ? 1 : -1));
  const good = newestFirst.filter(({ standing, run }) => standing === "good" && !isFuture(timeOfRun(run), now));
  const { kept, young } = applyRules(good, policy);
  const protect = ownProtections(good, young, now);
  const newestBad = newestFirst.find(({ standing }) => standing === "bad")?.run;
  const runs = newestFirst.map((run) => ({ ...run, protections: [...run.protections, ...protect(run)] }));
  const decisions = runs.map((run): Decision => {
    const isProtected = run.protections.length > 0;
    const rules = kept.get(run.run) ?? [];
    const { keep, reason } =
      run.standing === "good"
        ? { keep: rules.length > 0, reason: "no rule keeps it" }
        : judgeOther(run, run.run === newestBad, now);
    const isKept = keep || isProtected;
    return {
      ...run,
      keep: isKept,
      reasons: run.standing === "good" && isKept ? rules : keep === isKept ? [reason] : [],
    };
  });
  const blocked = blockedBy(newestFirst, good, policy, now);
  if (blocked === null) return { ...applyCaps(decisions, policy, now), blocked };
  const all = decisions.map((one) => (one.keep ? one : { ...one, keep: true, reasons: ["nothing is deleted"] }));
  return { decisions: all, blocked, cap: null };
}

/** Returns a function that lists the protections of a run which follow from the history itself. */
function ownProtections(good: readonly HistoryRun[], young: boolean, now: Date): (run: HistoryRun) => Protection[] {
  const newest = good[0]?.run;
  const proved = good.find(({ proof }) => proof !== null)?.run;
  const oldest = young ? good.at(-1)?.run : undefined;
  return ({ run, standing }) => [
    ...(run === newest ? [{ kind: "newest good", text: "is the newest good run" }] : []),
    ...(run === proved ? [{ kind: "proved", text: "is the newest proved run" }] : []),
    ...(run === oldest ? [{ kind: "oldest good", text: "is the oldest good run of a policy that is younger" }] : []),
    ...(standing === "damaged" ? [{ kind: "damaged", text: "is damaged, and nothing can be said of it" }] : []),
    ...(isFuture(timeOfRun(run), now) ? [{ kind: "future", text: "is dated in the future" }] : []),
  ];
}

/** Decides about a run that is not good. */
function judgeOther(
  { run, standing, superseded }: HistoryRun,
  isNewestBad: boolean,
  now: Date,
): { keep: boolean; reason: string } {
  if (isNewestBad) return { keep: true, reason: "newest bad run, for diagnosis" };
  if (isPastGrace(run, now)) return { keep: false, reason: `${standing}, older than ${GRACE_DAYS} days` };
  if (standing === "bad" && superseded) return { keep: false, reason: "bad, and the newest good run holds its units" };
  return { keep: true, reason: `${standing}, not yet ${GRACE_DAYS} days old` };
}

/** Returns why nothing may be deleted: backups fail, and what is there might be the last. */
function blockedBy(
  history: readonly HistoryRun[],
  [newest]: readonly HistoryRun[],
  { interval }: RetentionPolicy,
  now: Date,
): string | null {
  if (history.length === 0) return null;
  if (newest === undefined) return "the store holds no good run";
  if (timeOfRun(newest.run) >= timeBefore(now, interval, 2)) return null;
  return `the newest good run, ${newest.run}, is older than twice the interval of ${interval.text}`;
}
