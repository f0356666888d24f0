/** What must hold of every plan, over random histories (standings, proofs, pins, gaps, clocks that jump, summer time) and policies. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RetentionPolicy } from "../../lib/config/settings/retention.ts";
import { calendarOf } from "../../lib/ops/retention/calendar.ts";
import type { Decision, HistoryRun } from "../../lib/ops/retention/history-run.ts";
import { planRetention } from "../../lib/ops/retention/plan.ts";
import { timeOfRun } from "../../lib/store/files/layout.ts";
import { histories, morePolicies, policyOf, wanted } from "../support/runs/histories.ts";

const RUNS = { numRuns: 400 };
const policies = wanted.map(policyOf);

const keptOf = (runs: readonly HistoryRun[], policy: RetentionPolicy, now: Date): string[] =>
  planRetention(runs, policy, now)
    .decisions.filter(({ keep }) => keep)
    .map(({ run }) => run);

const isAhead = ({ run }: HistoryRun, now: Date): boolean => timeOfRun(run).getTime() > now.getTime() + 300_000;

describe("every plan", () => {
  test("keeps what is protected: by the store, as newest good, as newest proved, as damaged, as dated in the future", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const kept = new Set(keptOf(runs, policy, now));
        const good = runs.filter((run) => run.standing === "good" && !isAhead(run, now));
        const must = [
          ...runs.filter((run) => run.protections.length > 0 || run.standing === "damaged" || isAhead(run, now)),
          good.at(-1),
          good.findLast(({ proof }) => proof !== null),
        ];
        for (const run of must) if (run !== undefined) expect(kept.has(run.run), run.run).toBe(true);
      }),
      RUNS,
    );
  });

  test("keeps the oldest good run while a rule has more places than there are buckets for it", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const good = runs.filter((run) => run.standing === "good" && !isAhead(run, now)).map(({ run }) => run);
        const calendar = calendarOf(policy.timeZone);
        const isYoung = (["hourly", "daily", "weekly", "monthly", "yearly"] as const).some(
          (rule) => new Set(good.map((run) => calendar(timeOfRun(run))[rule])).size < policy.keep[rule],
        );
        const [oldest] = good;
        if (isYoung && oldest !== undefined) expect(keptOf(runs, policy, now)).toContain(oldest);
      }),
      RUNS,
    );
  });

  test("is tried on histories of which many lose runs, by rules and by caps, and some lose none", () => {
    const seen = { rule: 0, cap: 0, bad: 0, blocked: 0, stopped: 0 };
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const { decisions, blocked, cap } = planRetention(runs, policy, now);
        const goes = (pattern: RegExp): boolean =>
          decisions.some(({ keep, reasons }) => !keep && reasons.some((reason) => pattern.test(reason)));
        if (goes(/no rule/)) seen.rule++;
        if (goes(/the cap/)) seen.cap++;
        if (goes(/^bad/)) seen.bad++;
        if (blocked !== null) seen.blocked++;
        if (cap !== null) seen.stopped++;
      }),
      RUNS,
    );
    for (const [what, number] of Object.entries(seen)) expect(number, what).toBeGreaterThan(RUNS.numRuns / 20);
  });

  test("never empties the good runs", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const kept = new Set(keptOf(runs, policy, now));
        const good = runs.filter(({ standing }) => standing === "good");
        expect(good.length === 0 || good.some(({ run }) => kept.has(run))).toBe(true);
      }),
      RUNS,
    );
  });

  test("keeps all that a meaner policy keeps, where no cap counts the runs", () => {
    fc.assert(
      fc.property(histories, morePolicies("wider"), ({ runs, now }, [one, more]) => {
        const [less, wide] = [one, more].map((each) => policyOf({ ...each, maxRuns: 0 }));
        const kept = new Set(keptOf(runs, wide ?? policyOf(more), now));
        expect(keptOf(runs, less ?? policyOf(one), now).filter((run) => !kept.has(run))).toEqual([]);
      }),
      RUNS,
    );
  });

  test("keeps no fewer than a meaner policy does, whatever the caps", () => {
    for (const caps of ["same", "wider"] as const)
      fc.assert(
        fc.property(histories, morePolicies(caps), ({ runs, now }, [one, more]) => {
          const [less, wide] = [one, more].map((each) => keptOf(runs, policyOf(each), now).length);
          expect(wide).toBeGreaterThanOrEqual(less ?? 0);
        }),
        RUNS,
      );
  });

  test("leaves nothing to remove when it is carried out", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const kept = keptOf(runs, policy, now);
        const left = runs.filter(({ run }) => kept.includes(run));
        expect(keptOf(left, policy, now)).toEqual(kept);
      }),
      RUNS,
    );
  });

  test("is the same in whatever order the runs come", () => {
    fc.assert(
      fc.property(histories, policies, fc.infiniteStream(fc.double()), ({ runs, now }, policy, order) => {
        const shuffled = runs
          .map((run) => ({ run, at: order.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ run }) => run);
        expect(planRetention(shuffled, policy, now)).toEqual(planRetention(runs, policy, now));
      }),
      RUNS,
    );
  });

  test("lets no good run go for a bad one: none goes by a cap while an unprotected other one stays", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const { decisions } = planRetention(runs, policy, now);
        const isOverCount = ({ keep, standing, reasons }: Decision): boolean =>
          !keep && standing === "good" && reasons.some((reason) => reason.startsWith("over the cap"));
        if (!decisions.some(isOverCount)) return;
        const left = decisions.filter(
          ({ keep, standing, protections }) => keep && standing !== "good" && protections.length === 0,
        );
        expect(left.map(({ run }) => run)).toEqual([]);
      }),
      RUNS,
    );
  });

  test("gives each of the newest days, weeks and months a good run, a proved one where there is one", () => {
    fc.assert(
      fc.property(histories, wanted, ({ runs, now }, each) => {
        const policy = policyOf({ ...each, maxRuns: 0, maxAge: 0 });
        const kept = new Set(keptOf(runs, policy, now));
        const good = runs.filter((run) => run.standing === "good" && !isAhead(run, now)).toReversed();
        const calendar = calendarOf(policy.timeZone);
        for (const rule of ["hourly", "daily", "weekly", "monthly", "yearly"] as const) {
          const names = [...new Set(good.map(({ run }) => calendar(timeOfRun(run))[rule]))];
          for (const name of names.slice(0, policy.keep[rule])) {
            const inIt = good.filter(({ run }) => calendar(timeOfRun(run))[rule] === name);
            const stays = inIt.filter(({ run }) => kept.has(run));
            expect(stays.length).toBeGreaterThan(0);
            if (inIt.some(({ proof }) => proof !== null)) expect(stays.some(({ proof }) => proof !== null)).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });

  test("removes nothing without a good run that is young enough, and then says so", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const newest = runs.findLast((run) => run.standing === "good" && !isAhead(run, now));
        const isOld = newest === undefined || now.getTime() - timeOfRun(newest.run).getTime() > 48 * 3_600_000;
        const { blocked, decisions } = planRetention(runs, policy, now);
        expect(blocked !== null).toBe(runs.length > 0 && isOld);
        if (blocked !== null) expect(decisions.every(({ keep }) => keep)).toBe(true);
      }),
      RUNS,
    );
  });

  test("meets the caps, or names how many protected runs stop it", () => {
    fc.assert(
      fc.property(histories, policies, ({ runs, now }, policy) => {
        const { decisions, blocked, cap } = planRetention(runs, policy, now);
        if (blocked !== null) return;
        const kept = decisions.filter(({ keep }) => keep);
        const tooMany = policy.maxRuns > 0 && kept.length > policy.maxRuns;
        expect(tooMany && cap === null).toBe(false);
        if (tooMany) expect(kept.every(({ protections }) => protections.length > 0)).toBe(true);
        if (cap !== null) expect(cap).toMatch(/^cap not reached: \d+ runs? (?:is|are) protected \([a-z, ]+\)$/);
      }),
      RUNS,
    );
  });
});
