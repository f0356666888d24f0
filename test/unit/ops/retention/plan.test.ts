import { describe, expect, test } from "vitest";
import { retentionPolicy, retentionSchema } from "../../../../lib/config/settings/retention.ts";
import type { HistoryRun } from "../../../../lib/ops/retention/history-run.ts";
import { planRetention } from "../../../../lib/ops/retention/plan.ts";
import { nextRunId } from "../../../../lib/store/files/layout.ts";

const idAt = (time: string): string => nextRunId(new Date(time), undefined);
const runAt = (time: string, about: Partial<HistoryRun> = {}): HistoryRun => ({
  run: idAt(time),
  standing: "good",
  fault: null,
  tags: [],
  proof: null,
  superseded: false,
  protections: [],
  ...about,
});
const night = (day: string, about: Partial<HistoryRun> = {}): HistoryRun => runAt(`${day}T02:00:00Z`, about);
const PROOF = { kind: "drill", at: "2026-11-25T03:00:00Z", duration_ms: 41_000 } as const;

function plan(history: readonly HistoryRun[], settings: object, now = "2026-11-30T08:00:00Z") {
  const policy = retentionPolicy(retentionSchema.parse({ time_zone: "UTC", ...settings }));
  return planRetention(history, policy, new Date(now));
}

/** The days of the runs that stay, the newest first. */
const kept = (...args: Parameters<typeof plan>): string[] =>
  plan(...args)
    .decisions.filter(({ keep }) => keep)
    .map(({ run }) => `${run.slice(0, 4)}-${run.slice(4, 6)}-${run.slice(6, 8)}`);

describe("rules, as restic's manual has them", () => {
  const sundays = Array.from({ length: 12 }, (_, week) =>
    runAt(new Date(Date.UTC(2019, 8, 1 + week * 7, 11)).toISOString()),
  );

  test("twelve Sundays, and the last four days that have a run", () => {
    expect(kept(sundays, { keep_daily: 4, interval: "7d" }, "2019-11-18T00:00:00Z")).toEqual([
      "2019-11-17",
      "2019-11-10",
      "2019-11-03",
      "2019-10-27",
    ]);
  });

  test("a rule with more places than runs keeps the oldest as well", () => {
    const days = Array.from({ length: 6 }, (_, day) => night(`2026-11-${25 + day}`));
    expect(kept(days, { keep_weekly: 3 })).toEqual(["2026-11-30", "2026-11-29", "2026-11-25"]);
    expect(kept(days, { keep_weekly: 2 })).toEqual(["2026-11-30", "2026-11-29"]);
  });

  test("within counts from the newest run, not from now", () => {
    const runs = ["2026-10-29", "2026-10-30", "2026-11-28", "2026-11-29"].map((day) => night(day));
    expect(kept(runs, { keep_within: "1m" })).toEqual(["2026-11-29", "2026-11-28", "2026-10-30"]);
    expect(kept(runs, { keep_within: "1m1h" })).toEqual(["2026-11-29", "2026-11-28", "2026-10-30", "2026-10-29"]);
  });

  test("tags: one of several lists, all of a list", () => {
    const runs = [
      night("2026-11-10", { tags: ["a"] }),
      night("2026-11-11", { tags: ["b"] }),
      night("2026-11-12", { tags: ["a", "b"] }),
      night("2026-11-29"),
    ];
    expect(kept(runs, { keep_tag: ["a,b"] })).toEqual(["2026-11-29", "2026-11-12"]);
    expect(kept(runs, { keep_tag: ["a,b", "b"] })).toEqual(["2026-11-29", "2026-11-12", "2026-11-11"]);
  });

  test("without rules: 7 daily, 4 weekly, the last 2", () => {
    const days = Array.from({ length: 60 }, (_, day) => runAt(new Date(Date.UTC(2026, 9, 2 + day, 2)).toISOString()));
    // A Monday: two of the four weeks end with one of the seven days.
    expect(kept(days, {})).toHaveLength(7 + 2);
    expect(kept(days, { keep_last: 3 })).toHaveLength(3);
  });
});

describe("proof", () => {
  test("a proved run beats a newer one of its day, and is named with the rule that keeps it", () => {
    const runs = [
      night("2026-11-27"),
      runAt("2026-11-28T02:00:00Z", { proof: PROOF }),
      runAt("2026-11-28T14:00:00Z"),
      runAt("2026-11-29T02:00:00Z", { proof: PROOF }),
      night("2026-11-30"),
    ];
    const { decisions } = plan(runs, { keep_daily: 3 });
    expect(decisions.map(({ run, keep, reasons }) => [run, keep, reasons])).toEqual([
      ["20261130T020000Z", true, ["daily"]],
      ["20261129T020000Z", true, ["daily"]],
      ["20261128T140000Z", false, ["no rule keeps it"]],
      ["20261128T020000Z", true, ["daily"]],
      ["20261127T020000Z", false, ["no rule keeps it"]],
    ]);
  });

  test("the newest proved run stays, however old it is", () => {
    const runs = [night("2026-11-01", { proof: PROOF }), night("2026-11-29"), night("2026-11-30")];
    expect(kept(runs, { keep_last: 1 })).toEqual(["2026-11-30", "2026-11-01"]);
  });
});

describe("runs that are not good", () => {
  test("a bad one goes when the newest good run holds its units, else after a week; the newest stays", () => {
    const bad = { standing: "bad", fault: "partial" } as const;
    const runs = [
      night("2026-11-20", bad),
      night("2026-11-25", { ...bad, superseded: true }),
      night("2026-11-26", bad),
      night("2026-11-27", { ...bad, superseded: true }),
      night("2026-11-30"),
    ];
    expect(kept(runs, { keep_last: 1 })).toEqual(["2026-11-30", "2026-11-27", "2026-11-26"]);
  });

  test("thirty nights of bad runs take no place of a good one (counted, none would be left)", () => {
    const good = Array.from({ length: 30 }, (_, day) => runAt(new Date(Date.UTC(2026, 9, 1 + day, 2)).toISOString()));
    const bad = Array.from({ length: 30 }, (_, day) =>
      runAt(new Date(Date.UTC(2026, 9, 31 + day, 2)).toISOString(), { standing: "bad", fault: "anomaly shrank" }),
    );
    const { decisions } = plan([...good, ...bad], { interval: "30d" }, "2026-11-29T08:00:00Z");
    expect(decisions.filter(({ keep, standing }) => keep && standing === "good")).toHaveLength(9);
  });

  test("selections and safety runs stay a week, damaged ones until the operator has looked", () => {
    const runs = [
      night("2026-11-10", { standing: "damaged" }),
      night("2026-11-20", { standing: "selection" }),
      night("2026-11-21", { standing: "safety" }),
      night("2026-11-28", { standing: "selection" }),
      night("2026-11-29", { standing: "safety" }),
      night("2026-11-30"),
    ];
    expect(kept(runs, { keep_last: 1 })).toEqual(["2026-11-30", "2026-11-29", "2026-11-28", "2026-11-10"]);
  });
});

describe("when nothing may be deleted", () => {
  const runs = [night("2026-11-01"), night("2026-11-02"), night("2026-11-28", { standing: "bad" })];

  test("the newest good run is older than twice the interval", () => {
    const { blocked, decisions } = plan(runs, { keep_last: 1 });
    expect(blocked).toBe("the newest good run, 20261102T020000Z, is older than twice the interval of 1d");
    expect(decisions.every(({ keep }) => keep)).toBe(true);
    expect(plan(runs, { keep_last: 1, interval: "14d" }, "2026-11-30T02:00:00Z").blocked).toBeNull();
    expect(plan(runs, { keep_last: 1, interval: "14d" }, "2026-11-30T02:00:01Z").blocked).not.toBeNull();
  });

  test("there is no good run; an empty store has nothing to say", () => {
    expect(plan([night("2026-11-29", { standing: "bad" })], {}).blocked).toBe("the store holds no good run");
    expect(plan([], {})).toEqual({ decisions: [], blocked: null, cap: null });
  });

  test("runs from the future stay, and tell nothing about how old the newest is", () => {
    const ahead = night("2027-06-01");
    expect(kept([night("2026-11-28"), night("2026-11-29"), night("2026-11-30"), ahead], { keep_last: 1 })).toEqual([
      "2027-06-01",
      "2026-11-30",
    ]);
    expect(plan([night("2026-11-01"), ahead], { keep_last: 1 }).blocked).toContain("20261101T020000Z");
  });
});

describe("caps", () => {
  const days = ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"].map((day) => night(day));

  test("by count: the oldest first, and a bad one before any good one", () => {
    expect(kept(days, { keep_last: 5, max_runs: 3 })).toEqual(["2026-11-30", "2026-11-29", "2026-11-28"]);
    const bad = [...days.slice(0, 4), night("2026-11-30", { standing: "bad" })];
    expect(kept(bad, { keep_last: 4, max_runs: 4 })).toEqual(["2026-11-29", "2026-11-28", "2026-11-27", "2026-11-26"]);
    expect(kept(days, { keep_last: 5, max_runs: 0 })).toHaveLength(5);
  });

  test("by age", () => {
    expect(kept(days, { keep_last: 5, max_age: "2d" })).toEqual(["2026-11-30", "2026-11-29"]);
    expect(kept(days, { keep_last: 5, max_age: 0 })).toHaveLength(5);
  });

  test("that protections stop: how many runs, and why", () => {
    const pinned = { protections: [{ kind: "pinned", text: "is pinned: x" }] };
    const runs = [night("2026-11-10", { proof: PROOF }), night("2026-11-11", pinned), ...days];
    const byCount = plan(runs, { keep_last: 7, max_runs: 1 });
    expect(byCount.cap).toBe("cap not reached: 2 runs are protected (proved, pinned)");
    expect(byCount.decisions.filter(({ keep }) => keep)).toHaveLength(3);
    expect(plan(runs, { keep_last: 7, max_age: "10d" }).cap).toBe(byCount.cap);
    expect(plan(runs, { keep_last: 7, max_runs: 3 }).cap).toBeNull();
    expect(plan(runs.slice(1), { keep_last: 6, max_runs: 1 }).cap).toBe("cap not reached: 1 run is protected (pinned)");
  });
});
