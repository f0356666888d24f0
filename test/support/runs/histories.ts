/** Random histories of runs and retention policies, for the properties of what is planned over them. */
import fc from "fast-check";
import { retentionPolicy, retentionSchema, type RetentionPolicy } from "../../../lib/config/settings/retention.ts";
import type { HistoryRun } from "../../../lib/ops/retention/history-run.ts";
import { nextRunId } from "../../../lib/store/files/layout.ts";

const HOUR = 3_600_000;
/** Beside a change to summer time or back, in the zones below. */
const STARTS = ["2026-03-20T01:00:00Z", "2026-10-10T00:30:00Z", "2025-12-20T23:30:00Z"];
const ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];

export interface History {
  readonly runs: readonly HistoryRun[];
  /** Some hours after the newest start, by the clock of that time. */
  readonly now: Date;
}

const gap = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(1, 6, 12, 24, 24, 24, 25) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 24 * 60 }) },
  // The clock is set.
  { weight: 1, arbitrary: fc.integer({ min: -24 * 40, max: 24 * 100 }) },
);
const rarely = fc.integer({ min: 0, max: 9 }).map((one) => one === 9);

const made = fc.record({
  gap,
  standing: fc.constantFrom<HistoryRun["standing"][]>(
    ...(["good", "good", "good", "good", "bad", "bad", "selection", "safety", "damaged"] as const),
  ),
  proved: rarely,
  superseded: fc.boolean(),
  tags: fc.subarray(["a", "b"]),
  protection: fc.oneof(
    { weight: 15, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom("pinned", "in use", "pending restore", "last copy", "latest") },
  ),
});

export const histories: fc.Arbitrary<History> = fc
  .record({
    start: fc.constantFrom(...STARTS),
    made: fc.array(made, { maxLength: 60, size: "max" }),
    since: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) },
      { weight: 1, arbitrary: fc.integer({ min: -500, max: 2000 }) },
    ),
  })
  .map(({ start, made: all, since }) => {
    let clock = new Date(start).getTime();
    let newest: string | undefined;
    const runs = all.map(({ gap: hours, proved, protection, standing, superseded, tags }): HistoryRun => {
      clock += hours * HOUR;
      newest = nextRunId(new Date(clock), newest);
      return {
        run: newest,
        standing,
        fault: null,
        tags,
        proof: proved && standing === "good" ? { kind: "drill", at: "2026-01-01T00:00:00Z", duration_ms: 1 } : null,
        superseded: superseded && standing === "bad",
        protections: protection === null ? [] : [{ kind: protection, text: protection }],
      };
    });
    return { runs, now: new Date(clock + since * HOUR) };
  });

const count = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 1, arbitrary: fc.constant<"unlimited">("unlimited") },
);
const span = fc
  .tuple(fc.constantFrom(0, 0, 1), fc.constantFrom(0, 0, 2), fc.nat(20))
  .map(([years, months, days]) => ({ years, months, days }));

/** What is asked for, in numbers that can be raised. */
export interface Wanted {
  readonly counts: Readonly<Record<string, number | "unlimited">>;
  readonly within: { readonly years: number; readonly months: number; readonly days: number } | null;
  readonly tags: readonly string[];
  readonly maxRuns: number;
  readonly maxAge: number;
  readonly zone: string;
}

const COUNTS = ["keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"];

export const wanted: fc.Arbitrary<Wanted> = fc.record({
  counts: fc.record(Object.fromEntries(COUNTS.map((name) => [name, count]))),
  within: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: span }),
  tags: fc.oneof(
    { weight: 5, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.subarray(["a", "b", "a,b"]) },
  ),
  maxRuns: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 })),
  maxAge: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })),
  zone: fc.constantFrom(...ZONES),
});

/** The policy; `keep_last: 1` where it would keep nothing, which a config may not say. */
export function policyOf({ counts, within, tags, maxRuns, maxAge, zone }: Wanted): RetentionPolicy {
  const text = within === null ? "0" : `${within.years}y${within.months}m${within.days}d`;
  const rest = { max_runs: maxRuns, max_age: maxAge === 0 ? "0" : `${maxAge}d`, time_zone: zone };
  const full = retentionSchema.safeParse({ ...counts, keep_within: text, keep_tag: tags, ...rest });
  return retentionPolicy(full.success ? full.data : retentionSchema.parse({ keep_last: 1, ...rest }));
}

/** Policies of which the second keeps at least as much by each rule; the caps are the same, or wider. */
export const morePolicies = (caps: "same" | "wider"): fc.Arbitrary<readonly [Wanted, Wanted]> =>
  fc.tuple(wanted, wanted).map(([one, more]) => [
    one,
    {
      counts: Object.fromEntries(COUNTS.map((name) => [name, larger(one.counts[name] ?? 0, more.counts[name] ?? 0)])),
      within: longer(one.within, more.within),
      tags: [...new Set([...one.tags, ...more.tags])],
      maxRuns: caps === "same" ? one.maxRuns : widest(one.maxRuns, more.maxRuns),
      maxAge: caps === "same" ? one.maxAge : widest(one.maxAge, more.maxAge),
      zone: one.zone,
    },
  ]);

const larger = (a: number | "unlimited", b: number | "unlimited"): number | "unlimited" =>
  a === "unlimited" || b === "unlimited" ? "unlimited" : Math.max(a, b);
const widest = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.max(a, b));
const longer = (a: Wanted["within"], b: Wanted["within"]): Wanted["within"] =>
  a === null || b === null
    ? (a ?? b)
    : {
        years: Math.max(a.years, b.years),
        months: Math.max(a.months, b.months),
        days: Math.max(a.days, b.days),
      };
