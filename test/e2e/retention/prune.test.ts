/** `prune`, `pin` and `unpin` as an operator runs them: what they print, how they end, and what kills leave. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { nextRunId } from "../../../lib/store/files/layout.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { backup, faultsOf, startBuilt, stateOf } from "../../support/runs/backup.ts";
import { makeEvidence } from "../../support/runs/evidence.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { makeSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const DAY = 24 * 3_600_000;
const STARTED = Date.now();
const daysAgo = (days: number): string => nextRunId(new Date(STARTED - days * DAY - 3_600_000), undefined);
const runsOf = (store: string): string[] => readdirSync(path.join(store, "runs")).toSorted();

interface Shown {
  readonly dry_run: boolean;
  readonly runs: readonly { readonly run: string; readonly action: string; readonly reasons: readonly string[] }[];
  readonly interrupted: readonly string[];
  readonly blocked: string | null;
  readonly cap: string | null;
  readonly freed_bytes: number;
}

const run = async (store: string, ...args: readonly string[]): Promise<RunResult> =>
  await runInProcess("prune", ["--dest", store, ...args]);
const shown = (result: RunResult): Shown => result.json[0] as Shown;
const keptIn = ({ runs }: Shown): string[] =>
  runs
    .filter(({ action }) => action === "keep")
    .map(({ run: id }) => id)
    .toSorted();

/** Nights of a site: files linked from night to night, projects that come and go, a bad night a week. */
async function makeNights(store: string, nights: number): Promise<string> {
  makeStore(store);
  for (let ago = nights - 1; ago >= 0; ago--) {
    const linked = ago < nights - 1 ? { linkedFrom: daysAgo(ago + 1) } : {};
    const units = [
      { directory: "legacy_zips/book", content: "a book\n".repeat(5000), ...linked },
      { directory: "db/site", content: `night ${ago}` },
      ...(ago > 31 ? [{ directory: "source_exports/9" }] : []),
      ...Array.from({ length: 4 }, (_, file) => ({ directory: `compiled_exports/${file}`, content: `${ago}` })),
    ];
    await makeRun(store, daysAgo(ago), units, ago % 7 === 3 ? { status: "partial" } : {});
  }
  return store;
}

/** Copies a store with its hard links and times. */
function copyOf(store: string): string {
  const copy = path.join(tempDirectory(), "store");
  execFileSync("cp", ["-a", store, copy]);
  return copy;
}

/** Bytes of the files of all runs, each hard link counted once. */
const bytesOf = (store: string): number => {
  const files = readdirSync(path.join(store, "runs"), { recursive: true, withFileTypes: true });
  const found = files.filter((file) => file.isFile()).map((file) => lstatSync(path.join(file.parentPath, file.name)));
  return Array.from(new Map(found.map(({ ino, size }) => [ino, size])).values()).reduce((sum, size) => sum + size, 0);
};

/** Faults of the runs of a store by `sha256sum`. */
const faultsIn = (store: string): string[] => runsOf(store).flatMap((id) => faultsOf(path.join(store, "runs", id)));

let nights: string;
beforeAll(async () => {
  nights = await makeNights(path.join(suiteDirectory(), "store"), 40);
});

describe("prune", () => {
  test("does what the dry run said, and nothing the second time; what stays is whole", async () => {
    const store = copyOf(nights);
    makeEvidence(store, daysAgo(5), { at: new Date(Date.now() - 4 * DAY) });
    mkdirSync(path.join(store, "runs", `.incomplete-${daysAgo(9).replace(/..Z$/, "59Z")}`));
    const before = stateOf(store);
    const planned = shown(await run(store, "--dry-run", "--json"));
    expect(stateOf(store)).toBe(before);
    const used = bytesOf(store);
    const done = await run(store, "--json");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(shown(done)).toEqual({ ...planned, dry_run: false });
    expect(runsOf(store)).toEqual(keptIn(planned));
    expect(planned.runs.some(({ action }) => action === "remove")).toBe(true);
    expect(planned.interrupted).toHaveLength(1);
    expect(used - bytesOf(store)).toBe(planned.freed_bytes);
    expect(faultsIn(store)).toEqual([]);
    expect(readlinkSync(path.join(store, "latest"))).toBe(`runs/${daysAgo(0)}`);
    expect(readdirSync(path.join(store, ".tmp"))).toEqual([]);
    expect(existsSync(path.join(store, ".lock"))).toBe(false);
    const again = shown(await run(store, "--json"));
    expect(again.runs.every(({ action }) => action === "keep")).toBe(true);
    expect(runsOf(store)).toEqual(keptIn(planned));
  });

  test("shows a line for each run: its standing, its proof, what becomes of it and why", async () => {
    const store = copyOf(nights);
    const at = new Date(Date.now() - 4 * DAY);
    makeEvidence(store, daysAgo(5), { at });
    await runInProcess("pin", [daysAgo(20), "--dest", store, "--reason", "before \x1b[31mthe move"]);
    const { stdout } = await run(store, "--dry-run", "--keep-daily", "2");
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^run +standing +proof +action +why$/);
    const lineOf = (ago: number): string => lines.find((line) => line.startsWith(daysAgo(ago))) ?? "";
    expect(lineOf(0)).toMatch(/ good +keep +the latest, the newest good run, daily$/);
    expect(lineOf(3)).toMatch(/ bad: partial +keep +newest bad run, for diagnosis$/);
    expect(lineOf(5)).toContain(`drilled ${at.toISOString().slice(0, 10)}, 41 s  keep    the newest proved run`);
    expect(lineOf(10)).toMatch(/ bad: partial +remove +bad, older than 7 days$/);
    expect(lineOf(20)).toMatch(/ keep +pinned: before \\x1b\[31mthe move$/);
    expect(lineOf(32)).toMatch(/ keep +holds the last good copy of source_exports\/9$/);
    expect(lineOf(33)).toMatch(/ good +remove +no rule keeps it$/);
    expect(lines.at(-2)).toMatch(
      /^6 runs kept, 34 would be removed, [\d.]+ [KM]iB would be freed; nothing was changed$/,
    );
    expect((await run(store, "--quiet", "--keep-daily", "2")).stdout).toBe("");
  });

  test("takes the policy of the site's config, of which a keep flag replaces all keep rules", async () => {
    const store = copyOf(nights);
    const config = path.join(path.dirname(store), "site.yaml");
    const write = (site: string): void =>
      writeFileSync(config, `site: ${site}\nroot: .\ntrees: [x]\nretention: { keep_monthly: 1, max_runs: 4 }\n`);
    write("test");
    const plan = async (...args: string[]): Promise<Shown> =>
      shown(await run(store, "--config", config, "--dry-run", "--json", ...args));
    const rules = ({ runs }: Shown): string[] => [
      ...new Set(runs.flatMap(({ action, reasons }) => (action === "keep" ? reasons : []))),
    ];
    expect(rules(await plan())).toContain("monthly");
    expect(keptIn(await plan("--keep-last", "9"))).toHaveLength(4);
    expect(keptIn(await plan("--keep-last", "9", "--max-runs", "0")).length).toBeGreaterThan(8);
    expect(rules(await plan("--keep-last", "9"))).not.toContain("monthly");
    write("another");
    expect(await run(store, "--config", config)).toMatchObject({ code: 2 });
    expect(runsOf(store)).toEqual(runsOf(nights));
  });

  test("ends with 3 and the reason where the newest good run is too old, and removes nothing", async () => {
    const store = copyOf(nights);
    const result = await run(store, "--interval", "0d", "--keep-last", "1");
    expect([result.code, result.stderr.split("\n")[0]]).toEqual([2, "error: --interval: must be longer than 0"]);
    const late = makeStore(path.join(tempDirectory(), "store"));
    for (const ago of [9, 8, 7]) await makeRun(late, daysAgo(ago), [{ directory: "db/site" }]);
    for (const args of [["--dry-run"], []]) {
      const { code, stderr } = await run(late, "--keep-last", "1", ...args);
      expect([code, stderr]).toEqual([
        3,
        `warning: the newest good run, ${daysAgo(7)}, is older than twice the interval of 1d\n`,
      ]);
    }
    expect(runsOf(late)).toHaveLength(3);
    expect((await run(late, "--keep-last", "1", "--interval", "7d")).code).toBe(0);
    expect(runsOf(late)).toHaveLength(1);
  });

  test("ends with 3 where a cap is not reached, and has removed what it may", async () => {
    const store = copyOf(nights);
    makeEvidence(store, daysAgo(5));
    await runInProcess("pin", [daysAgo(6), "--dest", store]);
    await runInProcess("pin", [daysAgo(32), "--dest", store]);
    const { code, stderr } = await run(store, "--max-runs", "2");
    expect([code, stderr]).toEqual([3, "warning: cap not reached: 2 runs are protected (pinned)\n"]);
    expect(runsOf(store)).toEqual([daysAgo(32), daysAgo(6), daysAgo(5), daysAgo(0)]);
  });

  test.each([
    [["--keep-last", "0"], "the keep rules keep nothing"],
    [["--keep-daily", "-1"], "--keep-daily: must be a whole number or unlimited"],
    [["--keep-within", "1w"], "--keep-within: must be a duration of years, months, days and hours such as 1y5m7d2h"],
    [["--time-zone", "Mars"], "--time-zone: must be a time zone such as Europe/Zurich"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await run(nights, ...args);
    expect([code, stderr.split("\n")[0]]).toEqual([2, `error: ${message}`]);
  });

  test("waits for nobody: exit 11 while the lock is held, 10 without a store; a dry run needs no lock", async () => {
    const store = copyOf(nights);
    const owner = {
      host: "elsewhere",
      boot_id: "x",
      pid: 1,
      started: "1",
      command: "backup_all",
      token: "t",
      since: "x",
    };
    mkdirSync(path.join(store, ".lock"));
    writeFileSync(path.join(store, ".lock/owner.json"), JSON.stringify(owner));
    expect((await run(store)).code).toBe(11);
    expect((await run(store, "--dry-run")).code).toBe(0);
    expect(runsOf(store)).toEqual(runsOf(nights));
    expect((await run(path.join(store, "runs"))).code).toBe(10);
  });

  test("an empty store is no failure", async () => {
    expect(await run(makeStore(path.join(tempDirectory(), "store")))).toMatchObject({ code: 0 });
  });
});

describe("SIGKILL while runs are removed", () => {
  let planned: Shown;
  let going: number;
  beforeAll(async () => {
    planned = shown(await run(nights, "--dry-run", "--json"));
    going = planned.runs.filter(({ action }) => action === "remove").length;
  });

  test.each(Array.from({ length: 6 }, (_, at) => ({ at })))("after part $at of 6", async ({ at }) => {
    const store = copyOf(nights);
    const wanted = runsOf(store).length - Math.floor((at / 6) * going);
    const { child, done } = startBuilt("prune", ["--dest", store]);
    while (runsOf(store).length > wanted && child.exitCode === null) await sleep(1);
    await sleep(Math.random() * 15);
    child.kill("SIGKILL");
    await done;
    const left = runsOf(store);
    expect(keptIn(planned).filter((id) => !left.includes(id))).toEqual([]);
    expect(faultsIn(store)).toEqual([]);
    const gone = runsOf(nights).filter((id) => !left.includes(id));
    const journal = path.join(store, "evidence/prune.jsonl");
    const lines = existsSync(journal) ? readFileSync(journal, "utf8").trimEnd().split("\n") : [];
    const named = lines.map((line) => (JSON.parse(line) as { run: string }).run);
    expect(gone.filter((id) => !named.includes(id))).toEqual([]);
    expect(gone.length).toBeGreaterThanOrEqual(Math.floor((at / 6) * going));

    expect((await run(store)).code).toBe(0);
    expect(runsOf(store)).toEqual(keptIn(planned));
    expect(readdirSync(path.join(store, ".tmp")).filter((name) => !name.startsWith(".lock-dead-"))).toEqual([]);
    expect(faultsIn(store)).toEqual([]);
  });
});

describe("a full disk", () => {
  let disk = "";
  afterEach(() => execFileSync("umount", ["-l", disk]));

  test("loses no run that stays", async () => {
    disk = path.join(tempDirectory(), "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "holdfast-test", disk]);
    const store = makeStore(path.join(disk, "store"));
    for (const ago of [3, 2, 1, 0]) await makeRun(store, daysAgo(ago), [{ directory: "db/site", content: `${ago}` }]);
    execFileSync("sh", ["-c", `cat /dev/zero > ${disk}/filler 2>/dev/null || true`]);
    const { code, stderr } = await run(store, "--keep-last", "1");
    expect([code, stderr.split("\n")[0]]).toEqual([1, expect.stringContaining("no space left") as string]);
    expect(faultsIn(store)).toEqual([]);
    expect(runsOf(store)).toContain(daysAgo(0));
    execFileSync("rm", [`${disk}/filler`]);
    expect((await run(store, "--keep-last", "1")).code).toBe(0);
    expect(runsOf(store)).toEqual([daysAgo(0)]);
  });
});

describe("after a backup", () => {
  test("the config has old runs removed; what fails of that is a warning of the backup", async () => {
    const site = makeSite(tempDirectory(), {
      projects: 1,
      config: { retention: "retention: { keep_last: 2, after_backup: true }" },
    });
    const first = await backup(site);
    const second = await backup(site);
    expect(runsOf(site.dest)).toHaveLength(2);
    const third = await backup(site);
    expect([first.code, second.code, third.code]).toEqual([0, 0, 0]);
    expect(runsOf(site.dest)).toEqual([second.summary?.run, third.summary?.run]);
    expect(readdirSync(path.join(site.dest, ".tmp"))).toEqual([]);
    const journal = readFileSync(path.join(site.dest, "evidence/prune.jsonl"), "utf8");
    expect(JSON.parse(journal)).toMatchObject({ run: first.summary?.run, command: "backup_all" });
    mkdirSync(path.join(site.dest, "restores"), { recursive: true });
    writeFileSync(path.join(site.dest, "restores/20260101T000000Z.json"), "{");
    const fourth = await backup(site);
    expect([fourth.code, fourth.summary?.status]).toEqual([0, "complete"]);
    expect(fourth.notes).toContain("the run is published, but old runs could not be removed: ");
    expect(runsOf(site.dest)).toHaveLength(3);
  });
});

test("pin and unpin name the run; delete tells how a pinned one is released", async () => {
  const store = copyOf(nights);
  const pinned = await runInProcess("pin", ["latest", "--dest", store, "--json", "--reason", "x"]);
  expect(pinned.json).toMatchObject([{ message_type: "summary", run: daysAgo(0), reason: "x" }]);
  await runInProcess("pin", [daysAgo(12), "--dest", store]);
  const refused = await runInProcess("delete", [daysAgo(12), "--dest", store, "--yes"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    / is pinned: by \S+ on \d{4}-\d\d-\d\d\nhint: npx tsx scripts\/unpin\.ts --dest \S+ \d{8}T\d{6}Z releases it\n/,
  );
  expect((await runInProcess("unpin", [daysAgo(12), "--dest", store])).stdout).toBe(
    `✓ released the run ${daysAgo(12)}\n`,
  );
  expect((await runInProcess("unpin", [daysAgo(12), "--dest", store])).code).toBe(2);
  expect((await runInProcess("delete", [daysAgo(12), "--dest", store, "--yes"])).code).toBe(0);
});

test("a run that a required target does not have yet stays", async () => {
  const directory = tempDirectory();
  const store = makeStore(path.join(directory, "store"));
  const runs = [daysAgo(3), daysAgo(2), daysAgo(1)];
  for (const id of runs) await makeRun(store, id, [{ directory: "db/site", content: id }]);
  const target = { kind: "s3", bucket: "b", required: true };
  const config = path.join(directory, "site.yaml");
  writeFileSync(config, `site: test\nroot: .\ndest: store\ntargets: ${JSON.stringify({ cellar: target })}\n`);
  const prune = async (): Promise<RunResult> => await run(store, "--config", config, "--keep-last", "1", "--json");
  const first = await prune();
  expect(keptIn(shown(first))).toEqual(runs);
  expect(first.stdout).toContain("is not on the target cellar yet");
  mkdirSync(path.join(store, "targets/cellar/receipts"), { recursive: true });
  const receipt = path.join(store, "targets/cellar/receipts", `${runs[0]}.json`);
  writeFileSync(receipt, "{}\n"); // damaged: it acknowledges nothing
  expect(keptIn(shown(await prune()))).toEqual(runs);
  const at = new Date().toISOString();
  const acknowledged = {
    format: "holdfast-receipt",
    format_version: "1.0.0",
    target: "cellar",
    kind: "s3",
    address: "s3://b/test/",
    run: runs[0],
    sums_sha256: "0".repeat(64),
    started_at: at,
    finished_at: at,
    sent: { files: 0, bytes: 0 },
    files: [],
  };
  writeFileSync(receipt, JSON.stringify(acknowledged));
  expect(keptIn(shown(await prune()))).toEqual(runs.slice(1));
});
