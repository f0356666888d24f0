/** What is read of a store before its runs are pruned: standings, proofs, pins, copies of units. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { retentionPolicy, retentionSchema } from "../../../../lib/config/settings/retention.ts";
import type { ManifestHead } from "../../../../lib/model/run.ts";
import { pin, unpin } from "../../../../lib/ops/removal/pinned.ts";
import { removeRuns } from "../../../../lib/ops/removal/remove.ts";
import type { Decision } from "../../../../lib/ops/retention/history-run.ts";
import { prune, type PruneOutcome } from "../../../../lib/ops/retention/run.ts";
import { writeDocument } from "../../../../lib/store/files/json-documents.ts";
import { nextRunId } from "../../../../lib/store/files/layout.ts";
import { pinRun } from "../../../../lib/store/lock/pins.ts";
import { findStore } from "../../../../lib/store/open.ts";
import { makeEvidence } from "../../../support/runs/evidence.ts";
import { makeRun, makeStore, type MadeUnit } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const DAY = 24 * 3_600_000;
const STARTED = Date.now();
/** The id of a run so many days ago. */
const daysAgo = (days: number): string => nextRunId(new Date(STARTED - days * DAY - 60_000), undefined);
const UNIT: MadeUnit = { directory: "db/site" };
const ALARM = {
  level: "alarm",
  code: "shrank",
  step: "db",
  unit: "site",
  table: "t",
  was: 9,
  now: 1,
  rule: "r",
} as const;

let store: string;
beforeEach(() => (store = makeStore(path.join(tempDirectory(), "store"))));

const make = async (days: number, head: Partial<ManifestHead> = {}, units = [UNIT]): Promise<string> => {
  await makeRun(store, daysAgo(days), units, head);
  return daysAgo(days);
};

async function pruned(settings: object, dryRun = false): Promise<PruneOutcome> {
  const policy = retentionPolicy(retentionSchema.parse(settings));
  const { signal } = new AbortController();
  return await prune({ store, policy, dryRun, breakLock: false }, { signal, report: () => {} });
}
const planOf = async (settings: object = { keep_last: 1 }): Promise<Decision[]> => [
  ...(await pruned(settings, true)).decisions,
];
const runs = (): string[] => readdirSync(path.join(store, "runs")).toSorted();
const standings = async (): Promise<string[]> =>
  (await planOf()).map(({ standing, fault }) => (fault === null ? standing : `${standing}: ${fault}`));

describe("standing", () => {
  test("good is a full backup that is complete, without losses and open anomalies", async () => {
    await make(8, { kind: "safety" });
    await make(7, { scope: { only: ["1"] } });
    await make(6, { status: "partial" });
    await make(5, { losses: [{ step: "db", reason: "lost", units: 1, before: 9 }] });
    await make(4, { anomalies: [ALARM] });
    await make(3, { anomalies: [{ ...ALARM, level: "notice" }] });
    await make(2);
    writeFileSync(path.join(store, "runs", await make(1), "manifest.json"), "{");
    const [damaged, ...others] = await standings();
    expect(damaged).toMatch(/^damaged: /);
    expect(others).toEqual([
      "good",
      "good",
      "bad: anomaly shrank",
      "bad: lost units of db",
      "bad: partial",
      "selection",
      "safety",
    ]);
  });

  test("a directory whose name is not a time is damaged, and stays", async () => {
    await make(0);
    cpSync(path.join(store, "runs", daysAgo(0)), path.join(store, "runs/99999999T999999Z"), { recursive: true });
    expect(await standings()).toEqual(["damaged: 99999999T999999Z is not the name of a time", "good"]);
    await pruned({ keep_last: 1, max_age: "1d" });
    expect(runs()).toHaveLength(2);
  });

  test("an accepted anomaly is none; a damaged acceptance cannot be judged, and the run stays", async () => {
    const run = await make(20, { anomalies: [ALARM] });
    await make(0);
    const series = { code: "shrank", step: "db", unit: "site", table: "t" };
    const file = path.join(store, "evidence", run, "accepted.json");
    const accepted = [{ ...series, reason: "x", by: "y", at: "z" }];
    writeDocument(file, { format: "holdfast-accepted", format_version: "1.0.0", run, accepted });
    expect(await standings()).toEqual(["good", "good"]);
    writeFileSync(file, "{");
    expect((await planOf())[1]).toMatchObject({ standing: "damaged", keep: true });
  });
});

describe("proof", () => {
  const proofOf = async (): Promise<Decision["proof"] | undefined> => (await planOf()).at(-1)?.proof;
  let run: string;
  beforeEach(async () => {
    run = await make(9);
    await make(0);
  });

  test("a drill of exactly these files; it keeps the run", async () => {
    expect(await proofOf()).toBeNull();
    const at = new Date(Date.now() - DAY);
    makeEvidence(store, run, { at });
    expect((await planOf()).at(-1)).toMatchObject({
      keep: true,
      proof: { kind: "drill", at: at.toISOString(), duration_ms: 41_000 },
      protections: [{ kind: "proved" }],
    });
  });

  test("a deep verification of all of it", async () => {
    makeEvidence(store, run, { kind: "verify" });
    expect(await proofOf()).toMatchObject({ kind: "verify", duration_ms: 41_000 });
  });

  test("what no host need have may be unproved: counts, migrations, the application, a browser", async () => {
    makeEvidence(store, run, { notProved: ["rows", "digests", "sqlite", "migrations", "compilation", "application"] });
    expect(await proofOf()).not.toBeNull();
  });

  test.each([
    ["another content", { document: { sums_sha256: "0".repeat(64) } }],
    ["no digest", { document: { sums_sha256: null } }],
    ["another run", { document: { run: "20260101T000000Z" } }],
    ["a failure", { ok: false }],
    ["a dump that was not loaded", { notProved: ["load"] }],
    ["trees that were not compared", { notProved: ["trees"] }],
    ["a newer format", { document: { format_version: "9.0.0" } }],
    ["no format", { document: { format: "holdfast-other" } }],
    ["age", { at: new Date(Date.now() - 36 * DAY) }],
    ["a time to come", { at: new Date(Date.now() + DAY) }],
    ["a sample", { kind: "verify", sample: "1/7" }],
    ["a shallow verification", { kind: "verify", deep: false }],
    ["a dump that was not restored", { kind: "verify", notProved: ["database_restore"] }],
    ["an archive that was not read", { kind: "verify", notProved: ["archives_snapshots"] }],
  ] as const)("is none with %s", async (_, made) => {
    makeEvidence(store, run, made);
    expect(await proofOf()).toBeNull();
  });

  test("is none where its document is damaged, or the run was changed since", async () => {
    const file = makeEvidence(store, run);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.slice(0, -20));
    expect(await proofOf()).toBeNull();
    writeFileSync(file, text);
    expect(await proofOf()).not.toBeNull();
    writeFileSync(path.join(store, "runs", run, "SHA256SUMS"), "");
    expect(await proofOf()).toBeNull();
  });

  test("is revoked by a later failure, and given again by a later success", async () => {
    const ago = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
    makeEvidence(store, run, { at: ago(3) });
    makeEvidence(store, run, { kind: "verify", deep: false, at: ago(2) });
    expect(await proofOf()).not.toBeNull();
    makeEvidence(store, run, { kind: "verify", deep: false, ok: false, at: ago(1) });
    expect(await proofOf()).toBeNull();
    makeEvidence(store, run, { at: ago(0.5) });
    expect(await proofOf()).not.toBeNull();
  });

  test("proof_max_age says how old it may be", async () => {
    makeEvidence(store, run, { at: new Date(Date.now() - 2 * DAY) });
    expect((await planOf({ keep_last: 1, proof_max_age: "1d" })).at(-1)?.proof).toBeNull();
    expect((await planOf({ keep_last: 1, proof_max_age: "3d" })).at(-1)?.proof).not.toBeNull();
  });
});

const keep = async (run: string, reason: string | null): Promise<unknown> =>
  await pin({ store, run, reason }, new AbortController().signal);

describe("protections of the store", () => {
  test("a pinned run stays until it is released; delete leaves it alone as well", async () => {
    const run = await make(9);
    await make(0);
    await keep(run, "before the move");
    expect((await pruned({ keep_last: 1 })).decisions.at(-1)).toMatchObject({
      keep: true,
      protections: [{ kind: "pinned", text: "is pinned: before the move" }],
    });
    writeFileSync(path.join(store, "evidence", run, "pinned.json"), "{");
    expect((await pruned({ keep_last: 1 })).decisions.at(-1)?.keep).toBe(true);
    await unpin(store, run);
    await pruned({ keep_last: 1 });
    expect(runs()).not.toContain(run);
    await expect(unpin(store, "last")).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(keep(run, null)).rejects.toMatchObject({ code: "E_RUN_UNKNOWN" });
  });

  test("a run that is being read stays", async () => {
    const run = await make(9);
    await make(0);
    const release = await pinRun(store, run, "verify");
    expect((await pruned({ keep_last: 1 })).decisions.at(-1)).toMatchObject({ protections: [{ kind: "in use" }] });
    release();
    await pruned({ keep_last: 1 });
    expect(runs()).toHaveLength(1);
  });

  test("an unreadable journal of a restore forbids all", async () => {
    await make(9);
    await make(0);
    mkdirSync(path.join(store, "restores"));
    writeFileSync(path.join(store, "restores/20260101T000000Z.json"), "{");
    await expect(pruned({ keep_last: 1 })).rejects.toMatchObject({ code: "E_VERIFY" });
    expect(runs()).toHaveLength(2);
  });
});

describe("last copies", () => {
  const units = (...names: string[]): MadeUnit[] => names.map((name) => ({ directory: `source_exports/${name}` }));
  const last = async (settings: object = { keep_last: 1 }): Promise<(string | undefined)[]> =>
    (await pruned(settings)).decisions
      .filter(({ keep }) => keep)
      .map(({ run, protections }) =>
        `${run} ${protections.find(({ kind }) => kind === "last copy")?.text ?? ""}`.trim(),
      );

  test("of the runs that hold a deleted unit the newest good one stays, not for a bad one that will go", async () => {
    await make(9, {}, units("1", "2"));
    await make(8, {}, units("1", "2"));
    const newest = await make(7, {}, units("1", "2"));
    await make(6, { status: "partial" }, units("1", "2"));
    await make(5, { status: "partial" }, units("1"));
    await make(4, {}, units("1"));
    const latest = await make(0, {}, units("1"));
    const expected = [latest, daysAgo(5), daysAgo(6), `${newest} holds the last good copy of source_exports/2`];
    expect(await last()).toEqual(expected);
    expect(await last()).toEqual(expected);
  });

  test("a unit that a kept run holds needs no other, but an undamaged one", async () => {
    const first = await make(9, {}, units("1", "2"));
    const second = await make(8, {}, units("1", "2"));
    await make(0, {}, units("1"));
    await keep(second, null);
    expect(await last()).toHaveLength(2);
    expect(runs()).not.toContain(first);
    const third = await make(7, {}, units("1", "2"));
    writeFileSync(path.join(store, "runs", second, "source_exports/2/content.txt"), "source_exports/X");
    expect(await last()).toContain(`${third} holds the last good copy of source_exports/2`);
  });

  test("a cap takes another run than the one that it would have lost with", async () => {
    const holder = await make(9, {}, units("1", "2"));
    await make(2, {}, units("1"));
    await make(1, {}, units("1"));
    const newest = await make(0, {}, units("1"));
    await pruned({ keep_last: 3, max_runs: 2 });
    expect(runs()).toEqual([holder, newest]);
  });
});

test("a run that is protected after its removal was planned stays", async () => {
  const run = await make(9);
  const other = await make(8);
  await make(0);
  await keep(run, null);
  const locks = { assertHeld: async () => {}, release: async () => {} };
  const entries = [other, run].map((one) => ({ run: one, incomplete: false, why: "old", command: "prune" }));
  const { signal } = new AbortController();
  const spared = await removeRuns(await findStore(store), entries, { locks, signing: undefined, signal });
  expect(spared).toMatchObject([{ run, protection: { kind: "pinned" } }]);
  expect(runs()).toEqual([run, daysAgo(0)]);
});

describe("interrupted runs", () => {
  const interrupt = (days: number): string => {
    mkdirSync(path.join(store, "runs", `.incomplete-${daysAgo(days)}`, "db"), { recursive: true });
    return daysAgo(days);
  };

  test("their directories go after a week, and what killed removals left goes at once", async () => {
    await make(0);
    const old = interrupt(8);
    const young = interrupt(6);
    for (const name of ["prune-1234/x/db", "20260101T000000Z/db", "waiting"])
      mkdirSync(path.join(store, ".tmp", name), { recursive: true });
    expect((await pruned({}, true)).interrupted).toEqual([old]);
    expect(readdirSync(path.join(store, ".tmp"))).toHaveLength(3);
    expect((await pruned({})).interrupted).toEqual([old]);
    expect(runs()).toEqual([`.incomplete-${young}`, daysAgo(0)]);
    expect(readdirSync(path.join(store, ".tmp"))).toEqual(["waiting"]);
  });

  test("stay while nothing may be deleted", async () => {
    await make(5);
    interrupt(8);
    const { blocked, interrupted } = await pruned({});
    expect([blocked === null, interrupted]).toEqual([false, []]);
    expect(runs()).toHaveLength(2);
  });
});

describe("the journal", () => {
  test("has a line for each run that went: what, why, by whom; a line that was cut off costs no other", async () => {
    const gone = [await make(9), await make(8)];
    await make(0);
    mkdirSync(path.join(store, "evidence"));
    const file = path.join(store, "evidence/prune.jsonl");
    writeFileSync(file, '{"at":"2026');
    await pruned({ keep_last: 1 });
    const [cut, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(cut).toBe('{"at":"2026');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(
      gone.map((run) => ({ run, why: "no rule keeps it", command: "prune", incomplete: false })),
    );
  });

  test("is not begun by a dry run", async () => {
    await make(9);
    await make(0);
    await pruned({ keep_last: 1 }, true);
    expect(existsSync(path.join(store, "evidence"))).toBe(false);
    expect(runs()).toHaveLength(2);
  });
});
