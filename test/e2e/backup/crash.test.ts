/** Kills, signals, full disks, absent disks and a second run: the last good run and its links stay as they were, and the next run goes on. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  backup,
  backUp,
  backupByScripts,
  eventually,
  failuresOf,
  faultsOf,
  indexOf,
  manifestOf,
  procFile,
  processesWith,
  rest,
  startBackup,
  stateOf,
  summaryOf,
  toResult,
  type Summary,
} from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import { makeSite, type SiteOptions, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree, tempDirectory } from "../../support/temp.ts";

const noise = (seed: string, size: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 32) }, (_, at) => createHash("sha256").update(`${seed} ${at}`).digest()),
  ).subarray(0, size);

const newSite = (config: SiteOptions["config"] = {}, options: SiteOptions = {}): TestSite =>
  makeSite(tempDirectory(), { ...options, config });

/** What a kill at any instant must leave: a latest run that is sound, under links that lead to it. */
function expectSound(site: TestSite, known: readonly string[]): void {
  const latest = readlinkSync(join(site.dest, "latest")).slice("runs/".length);
  expect(known).toContain(latest);
  expect(faultsOf(join(site.dest, "runs", latest))).toEqual([]);
  for (const run of runsOf(site)) expect(manifestOf(join(site.dest, "runs", run)).run).toBe(run);
}

const runsOf = (site: TestSite): string[] =>
  readdirSync(join(site.dest, "runs")).filter((name) => !name.startsWith("."));
const leftovers = (site: TestSite): string[] => [
  ...readdirSync(join(site.dest, "runs")).filter((name) => name.startsWith(".")),
  ...readdirSync(join(site.dest, ".tmp")).filter((name) => !name.startsWith(".")),
];
const nothingRuns = (site: TestSite): Promise<void> =>
  eventually("no process of it is left", () => processesWith(site.dest).length === 0, 15);

describe("SIGKILL of the main process, at any instant", () => {
  let site: TestSite;
  let duration: number;

  beforeAll(async () => {
    site = makeSite(makeTemp("holdfast-e2e-"), {
      projects: 12,
      files: 10,
      fileBytes: 40_000,
      audioFiles: 20,
      audioBytes: 150_000,
    });
    await rest();
    await backUp(site);
    const started = Date.now();
    // By processes, as those that are killed: it takes longer than in the test's own.
    summaryOf(await backupByScripts(site, ["--existing", "overwrite"]));
    duration = Date.now() - started;
  });
  afterAll(() => removeTree(join(site.root, "..")));

  // Spread over the run, each a little beside its place: a third of a golden step never comes to the same instant twice.
  const instants = Array.from({ length: 10 }, (_, index) => (index + ((index * 0.618) % 1)) / 10.5);

  test.each(instants.map((part) => ({ percent: Math.round(part * 100), part })))(
    "$percent % of the way",
    async ({ part }) => {
      const before = runsOf(site);
      const { child, done } = startBackup(site, ["--existing", "overwrite"]);
      await sleep(part * duration);
      const token = /HOLDFAST_LOCK_TOKEN=([\w-]+)/.exec(
        processesWith(site.dest)
          .map((pid) => procFile(pid, "environ"))
          .join("\0"),
      )?.[1];
      child.kill("SIGKILL");
      await done;
      expectSound(site, runsOf(site));
      expect(runsOf(site).slice(0, before.length)).toEqual(before);
      await nothingRuns(site);
      if (token !== undefined) expect(processesWith(token)).toEqual([]);

      const wasHeld = existsSync(join(site.dest, ".lock"));
      const next = await backup(site, ["--steps", "legacy_zips,db", "--verbose", ...(part > 0.5 ? ["--resume"] : [])]);
      expect(next.code).toBe(0);
      if (wasHeld) expect(next.notes).toMatch(/took over the lock of backup_all \(pid \d+ on /);
      expectSound(site, runsOf(site));
      expect(faultsOf(next.summary?.path ?? "")).toEqual([]);
      expect(Object.keys(manifestOf(next.summary?.path ?? "").steps)).toEqual(["db", "legacy_zips"]);
      expect(leftovers(site)).toEqual([]);
      expect(existsSync(join(site.dest, ".lock"))).toBe(false);
    },
  );
});

test("SIGKILL of one step's process: that step failed, the others are done", async () => {
  const site = newSite({}, { projects: 2 });
  for (let file = 1; file <= 40; file++) site.write(`lara_legacy/Old_book/${file}.txt`, noise(`${file}`, 400_000));
  const good = await backUp(site);
  const { done } = startBackup(site, ["--existing", "overwrite"]);
  const legacy = (): number | undefined =>
    processesWith(site.dest).find((pid) => procFile(pid, "cmdline").includes("backup_legacy"));
  await eventually("the step runs", () => legacy() !== undefined);
  await eventually("it writes", () =>
    readdirSync(join(site.dest, "runs")).some(
      (run) => run.startsWith(".") && existsSync(join(site.dest, "runs", run, "legacy_zips/Old_book")),
    ),
  );
  process.kill(legacy() ?? 0, "SIGKILL");
  const result = toResult(await done);
  expect(result.code).toBe(3);
  expect(result.json).toContainEqual(
    expect.objectContaining({ message_type: "error", item: "legacy_zips", code: "E_STEP_DIED" }),
  );
  const run = result.summary?.path ?? "";
  expect(failuresOf(run).filter(({ severity }) => severity === "failed")).toEqual([
    expect.objectContaining({
      step: "legacy_zips",
      unit: null,
      code: "E_STEP_DIED",
      last_good_run: good.run,
      message: expect.stringContaining("SIGKILL") as string,
    }),
  ]);
  expect(faultsOf(run)).toEqual([]);
  const listed = new Set(
    manifestOf(run).steps["legacy_zips"]?.metadata.flatMap(({ artifacts }) => artifacts.map(({ path }) => path)),
  );
  expect(
    filesOf(run).filter((file) => file.endsWith(".zip") && file.startsWith("legacy") && !listed.has(file)),
  ).toEqual([]);
  for (const step of ["source_exports", "audio_cache", "db", "snapshots", "infra"])
    expect(indexOf(run, step).length).toBeGreaterThan(0);
  // A run that lost a whole step is the newest, and not the one to restore from.
  expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${good.run}`);
  expect(readlinkSync(join(site.dest, "last"))).toBe(`runs/${result.summary?.run}`);
});

describe("an interrupted run", () => {
  /** Its third project is exported when the file `go` is there. */
  function waitingSite(): TestSite {
    const command = `[sh, -c, 'test $0 != 3 || while test ! -e go; do sleep 0.1; done; cp -r clara_content/$1 "$2"', "{id}", "{internal_id}", "{out}"]`;
    return newSite(
      {
        projects: `projects:\n  query: select id, internal_id from clara_app_claraproject\n  source: { command: ${command}, inputs: ["clara_content/{internal_id}"] }`,
        ignore: "ignore: [go]",
      },
      { projects: 6 },
    );
  }

  const staging = (site: TestSite): string =>
    join(site.dest, "runs", readdirSync(join(site.dest, "runs")).find((name) => name.startsWith(".")) ?? "none");
  const isFinished = (site: TestSite, unit: string): boolean =>
    existsSync(join(staging(site), "source_exports", unit, "metadata.json"));

  async function interrupt(site: TestSite, signal: NodeJS.Signals): Promise<void> {
    const { child, done } = startBackup(site);
    await eventually(
      "all projects but the third are exported",
      () => existsSync(join(site.dest, "runs")) && ["1", "2", "4", "5", "6"].every((unit) => isFinished(site, unit)),
    );
    child.kill(signal);
    const { code, stderr } = await done;
    expect(code).toBe(130);
    expect(stderr).toContain(`interrupted by ${signal}`);
    expect(processesWith(site.dest)).toEqual([]);
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
    expect(readdirSync(join(site.dest, ".tmp"))).toEqual([]);
    expect(existsSync(join(site.dest, "latest"))).toBe(false);
    writeFileSync(join(site.root, "go"), "");
  }

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s: 130, no child is left, the lock is released, and --resume keeps what was finished",
    async (signal) => {
      const site = waitingSite();
      await rest();
      await interrupt(site, signal);
      const inode = (file: string): string => execFileSync("stat", ["-c", "%i", file], { encoding: "utf8" });
      const kept = inode(join(staging(site), "source_exports/1/source.zip"));
      const resumed = await backUp(site, ["--resume"]);
      expect(resumed.steps["source_exports"]).toMatchObject({ units: 6, resumed: 5, reused: 0 });
      // The steps overlap: units of others were finished beside the one that waited.
      const resumedUnits = Object.values(resumed.steps).reduce((sum, step) => sum + step.resumed, 0);
      expect(resumed.units_resumed).toBe(resumedUnits);
      expect(inode(join(resumed.path, "source_exports/1/source.zip"))).toBe(kept);
      expect(faultsOf(resumed.path)).toEqual([]);
      expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${resumed.run}`);
      expect(leftovers(site)).toEqual([]);
      expect(readFileSync(join(resumed.path, "run.log"), "utf8").match(/"type":"run_started"/g)).toHaveLength(2);
    },
  );

  test("is hashed again when it is resumed: what was damaged or has changed since is built anew, what is gone is gone", async () => {
    const site = waitingSite();
    await rest();
    await interrupt(site, "SIGTERM");
    const damaged = join(staging(site), "source_exports/1/source.zip");
    const data = readFileSync(damaged);
    data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1;
    writeFileSync(damaged, data);
    site.write("clara_content/Project_2/texts/text 1.txt", "changed since\n");
    site.sql("delete from clara_app_claraproject where id = 4");
    rmSync(join(site.root, "clara_content/Project_4"), { recursive: true });
    rmSync(join(site.root, "clara_content/Project_5"), { recursive: true });
    mkdirSync(join(staging(site), "source_exports/7"));
    writeFileSync(join(staging(site), "source_exports/7/source.zip"), "cut off");
    await rest();

    const resumed = await backUp(site, ["--resume"], { code: 3 });
    expect(indexOf(resumed.path, "source_exports").map(({ project_id }) => project_id)).toEqual([1, 2, 3, 6]);
    expect(failuresOf(resumed.path)).toEqual([expect.objectContaining({ unit: "5" })]);
    expect(resumed.steps["source_exports"]).toMatchObject({ resumed: 1, units: 4 });
    expect(faultsOf(resumed.path)).toEqual([]);
    expect(filesOf(join(resumed.path, "source_exports")).filter((file) => /^[457]\//.test(file))).toEqual([]);
    execFileSync("unzip", ["-tq", join(resumed.path, "source_exports/1/source.zip")]);
  });

  test("can be resumed with another selection, of which alone the run is made then", async () => {
    const site = waitingSite();
    await rest();
    await interrupt(site, "SIGTERM");
    const resumed = await backUp(site, ["--resume", "--steps", "source_exports,legacy_zips", "--only", "1,Old_book"]);
    expect(
      Object.fromEntries(
        Object.entries(manifestOf(resumed.path).steps).map(([name, { metadata }]) => [
          name,
          metadata.map(({ unit }) => unit),
        ]),
      ),
    ).toEqual({ source_exports: ["1"], legacy_zips: ["Old_book"] });
    expect(
      filesOf(resumed.path)
        .filter((file) => file.includes("/"))
        .map((file) => file.split("/").slice(0, 2).join("/")),
    ).not.toContain("source_exports/2");
    expect(readdirSync(resumed.path)).not.toContain("db");
    expect(faultsOf(resumed.path)).toEqual([]);
  });

  test("that is not resumed is removed by the next run", async () => {
    const site = waitingSite();
    await interrupt(site, "SIGTERM");
    const next = await backUp(site);
    expect(next.units_resumed).toBe(0);
    expect(readdirSync(join(site.dest, "runs"))).toEqual([next.run]);
  });
});

describe("a disk", () => {
  const mounted: string[] = [];
  const mount = (directory: string, size: string): void => {
    mkdirSync(directory, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "holdfast-test", directory]);
    mounted.push(directory);
  };
  const unmount = (directory: string): void => {
    execFileSync("umount", [directory]);
    mounted.splice(mounted.indexOf(directory), 1);
  };
  afterEach(() => {
    for (const directory of mounted.splice(0)) execFileSync("umount", ["-l", directory]);
  });

  // So that it is full in one step or another.
  test.each(["200k", "1500k", "3000k"])(
    "that is full with %s more: exit 1, the earlier run as it was, nothing left behind",
    async (size) => {
      const site = newSite({}, { projects: 3 });
      const disk = join(site.root, "../disk");
      mount(disk, "40m");
      const place = { ...site, dest: join(disk, "store") };
      const first = await backUp(place);
      for (const tree of ["clara_content/Project_1", "lara_legacy/Old_book", "audio/tts_repository_orm", "images"])
        site.write(`${tree}/large.bin`, noise(tree, 800_000));
      const used = Number(execFileSync("df", ["--output=used", "-k", disk], { encoding: "utf8" }).split("\n")[1]);
      execFileSync("mount", ["-o", `remount,size=${used + Number.parseInt(size, 10)}k`, disk]);
      const before = faultsOf(first.path);
      const result = await backup(place);
      expect(result.code).toBe(1);
      expect(result.error).toMatchObject({
        error_code: "E_NO_SPACE",
        hint: expect.stringContaining("space") as string,
      });
      expect(result.stderr).not.toMatch(/^ +at /m);
      expect(before).toEqual([]);
      expect(faultsOf(first.path)).toEqual([]);
      expect(readlinkSync(join(place.dest, "latest"))).toBe(`runs/${first.run}`);
      expect(readdirSync(join(place.dest, "runs"))).toEqual([first.run]);
      expect(readdirSync(join(place.dest, ".tmp"))).toEqual([]);
      expect(existsSync(join(place.dest, ".lock"))).toBe(false);

      execFileSync("mount", ["-o", "remount,size=40m", disk]);
      await backUp(place);
    },
  );

  test("that is full when the documents of the run are written: the same", async () => {
    const site = newSite({}, { projects: 3 });
    const disk = join(site.root, "../disk");
    mount(disk, "40m");
    const place = { ...site, dest: join(disk, "store") };
    const usage = (): number =>
      Number(execFileSync("df", ["--output=used", "-k", disk], { encoding: "utf8" }).split("\n")[1]);
    await backUp(place);
    const before = usage();
    const latest = await backUp(place, ["--existing", "overwrite"]);
    const used = usage();
    for (const short of [8, 40, 90]) {
      execFileSync("mount", ["-o", `remount,size=${used + (used - before) - short}k`, disk]);
      const result = await backup(place, ["--existing", "overwrite"]);
      expect({ short, code: result.code, error: result.error?.error_code }).toEqual({
        short,
        code: 1,
        error: "E_NO_SPACE",
      });
      expect(result.error?.message).toMatch(/no space left|disk is full/); // and not what is looked at before the run
      expect(readlinkSync(join(place.dest, "latest"))).toBe(`runs/${latest.run}`);
      expect(leftovers(place)).toEqual([]);
      expect(faultsOf(latest.path)).toEqual([]);
    }
  });

  test("that is not mounted is never taken for a new store: exit 10, and its directory stays empty", async () => {
    const site = newSite({ database: "", projects: "", audio_cache: "", snapshots: "", infra: "" });
    const disk = join(site.root, "../disk");
    mount(disk, "20m");
    await backUp({ ...site, dest: disk });
    unmount(disk);
    const result = await backup({ ...site, dest: disk });
    expect(result.code).toBe(10);
    expect(result.stderr).toMatch(/is its disk mounted\?/);
    expect(readdirSync(disk)).toEqual([]);
    expect((await backup({ ...site, dest: join(disk, "missing", "store") })).code).toBe(10);
    expect(readdirSync(disk)).toEqual([]);
  });
});

describe("a store", () => {
  const legacyOnly = { database: "", projects: "", audio_cache: "", snapshots: "", infra: "" };

  test("of another site is exit 10, and stays as it is", async () => {
    const site = newSite(legacyOnly);
    await backUp(site);
    const other = newSite({ ...legacyOnly, site: "site: other" });
    const before = stateOf(site.dest);
    const result = await backup({ ...other, dest: site.dest });
    expect(result.code).toBe(10);
    expect(result.stderr).toContain("belongs to the site test, not to other");
    expect(stateOf(site.dest)).toBe(before);
  });

  test("is never made in a directory that holds something else: exit 10", async () => {
    const site = newSite(legacyOnly);
    mkdirSync(site.dest);
    writeFileSync(join(site.dest, "thesis.txt"), "years of work\n");
    const before = stateOf(site.dest);
    expect((await backup(site)).code).toBe(10);
    expect(stateOf(site.dest)).toBe(before);
  });

  test("that another run is writing to is exit 11, which names who holds it", async () => {
    const site = newSite({ ...legacyOnly, hooks: "hooks: { before: [sh, -c, 'touch running; sleep 600'] }" });
    const { child, done } = startBackup(site);
    await eventually("the first run is at work", () => existsSync(join(site.root, "running")));
    const second = await backup(site);
    expect(second.code).toBe(11);
    expect(second.stderr).toContain(`held by backup_all (pid ${child.pid} on `);
    expect(second.stderr).toMatch(/hint: wait until it has ended/);
    child.kill("SIGINT");
    expect((await done).code).toBe(130);
    expect(processesWith(site.dest)).toEqual([]);
  });

  test("a second lock is respected as well", async () => {
    const site = newSite({ ...legacyOnly, hooks: "hooks: { before: [sh, -c, 'touch running; sleep 600'] }" });
    const lock = join(site.root, "../second.lock");
    const { child, done } = startBackup(site, ["--lock-file", lock]);
    await eventually("the first run is at work", () => existsSync(join(site.root, "running")));
    const second = await backup({ ...site, dest: join(site.root, "../other store") }, ["--lock-file", lock]);
    expect(second.code).toBe(11);
    child.kill("SIGINT");
    await done;
    expect(existsSync(lock)).toBe(false);
  });

  test("whose newest run is in the future, as after a clock that went back: the next is later, with a warning", async () => {
    const site = newSite(legacyOnly);
    const first = await backUp(site);
    const future = new Date(Date.now() + 3_600_000).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    cpSync(first.path, join(site.dest, "runs", future), { recursive: true });
    const result = await backup(site);
    expect(result.code).toBe(0);
    expect((result.summary?.run ?? "") > future).toBe(true);
    expect(result.notes).toContain("the clock is behind the newest run");
    expect(manifestOf(result.summary?.path ?? "").warnings.join()).toContain("the clock is behind");
    expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${result.summary?.run}`);
  });

  test("lies inside the site that it backs up and is never part of its own backup", async () => {
    const site = newSite({ ...legacyOnly, legacy: "legacy: { path: . }" });
    const place = { ...site, dest: join(site.root, "clara_content/store") };
    const first = await backUp(place);
    const second = await backUp(place);
    const names = (run: Summary): string =>
      execFileSync("unzip", ["-Z1", join(run.path, "legacy_zips/clara_content/legacy.zip")], { encoding: "utf8" });
    expect(names(first)).not.toContain("store");
    expect(names(second)).toBe(names(first));
  });

  test("is repaired where a crash left its links behind the runs", async () => {
    const site = newSite(legacyOnly);
    const first = await backUp(site);
    rmSync(join(site.dest, "latest"));
    rmSync(join(site.dest, "manifest.json"));
    await backUp(site, ["--only", "Old_book"]);
    expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${first.run}`);
    expect(realpathSync(join(site.dest, "manifest.json"))).toBe(join(realpathSync(first.path), "manifest.json"));
  });
});
