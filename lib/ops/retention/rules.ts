/** The keep rules, with restic's meanings: which good runs they choose, and why. */
import { timeBefore } from "../../config/settings/duration.ts";
import { KEEP_COUNTS, type KeepCount, type RetentionPolicy } from "../../config/settings/retention.ts";
import { timeOfRun } from "../../store/files/layout.ts";
import { calendarOf } from "./calendar.ts";
import type { HistoryRun } from "./history-run.ts";

/** The runs that rules keep, each with the names of the rules. */
export interface Choice {
  readonly kept: ReadonlyMap<string, readonly string[]>;
  /** True while a rule has more places than there are runs for it: the policy is younger than its span. */
  readonly young: boolean;
}

/** Applies the keep rules to good runs, the newest first. Within a bucket a proved run beats a newer unproved one. */
export function applyRules(runs: readonly HistoryRun[], policy: RetentionPolicy): Choice {
  const kept = new Map<string, string[]>();
  const keep = ({ run }: HistoryRun, rule: string): void => void kept.set(run, [...(kept.get(run) ?? []), rule]);
  const bucketOf = bucketsIn(policy.timeZone);
  let young = false;
  for (const rule of KEEP_COUNTS) {
    const places = policy.keep[rule];
    if (places === 0) continue;
    const buckets = new Map<string, HistoryRun>();
    for (const run of runs) {
      const key = bucketOf(run, rule);
      const best = buckets.get(key);
      if (best === undefined || (best.proof === null && run.proof !== null)) buckets.set(key, run);
    }
    young ||= buckets.size < places;
    for (const run of [...buckets.values()].slice(0, places)) keep(run, rule);
  }
  const [newest] = runs;
  for (const run of runs) {
    const { within, tags } = policy;
    if (within !== undefined && newest !== undefined && isWithin(run, newest, within))
      keep(run, `within ${within.text}`);
    for (const list of tags) if (list.every((tag) => run.tags.includes(tag))) keep(run, `tag ${list.join(",")}`);
  }
  return { kept, young };
}

const isWithin = ({ run }: HistoryRun, newest: HistoryRun, within: NonNullable<RetentionPolicy["within"]>): boolean =>
  timeOfRun(run) > timeBefore(timeOfRun(newest.run), within);

function bucketsIn(timeZone: string): (run: HistoryRun, rule: KeepCount) => string {
  const calendar = calendarOf(timeZone);
  const known = new Map<string, ReturnType<typeof calendar>>();
  return ({ run }, rule) => {
    if (rule === "last") return run;
    const found = known.get(run) ?? calendar(timeOfRun(run));
    known.set(run, found);
    return found[rule];
  };
}
