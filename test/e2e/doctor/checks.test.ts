/** `doctor` of an installation that is right, and of one with one thing wrong each. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { nextRunId } from "../../../lib/store/files/layout.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { builtScript } from "../../support/commands/build.ts";
import { startProgram, type RunResult } from "../../support/commands/run.ts";
import { runBuilt } from "../../support/runs/backup.ts";
import { makeEvidence } from "../../support/runs/evidence.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

const DAY_MS = 24 * 3_600_000;
const USED = ["git", "unzip", "tar", "gzip", "jq", "sha256sum", "sqlite3", "getfattr", "setfattr"];

interface Check {
  readonly id: string;
  readonly state: string;
  readonly figure: string;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly hint: string | null;
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);
const runAt = (time: Date): string => nextRunId(time, undefined);

/** Programs of this installation: links to those of the host, and systemd as it answers where all is well. */
class Programs {
  readonly directory = path.join(tempDirectory(), "bin");
  timers: Readonly<Record<string, string>> = {};

  constructor() {
    mkdirSync(this.directory);
    chmodSync(path.dirname(this.directory), 0o755);
    for (const name of USED) symlinkSync(`/usr/bin/${name}`, path.join(this.directory, name));
    this.write("timedatectl", "echo yes");
    this.setTimers({});
  }

  write(name: string, script: string): void {
    const file = path.join(this.directory, name);
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Has systemctl show timers, those of jobs that are named with what differs from an active one. */
  setTimers(changed: Readonly<Record<string, string>>): void {
    const active =
      "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNextElapseUSecRealtime=Tue 2026-12-01 02:00:00 UTC";
    const cases = Object.entries(changed).map(([job, block]) => `*-${job}@*) printf '%s\\n\\n' '${block}';;`);
    this.write(
      "systemctl",
      `for unit; do case $unit in ${cases.join(" ")} *.timer) printf '%s\\n\\n' '${active}';; esac; done`,
    );
  }

  remove(name: string): void {
    rmSync(path.join(this.directory, name));
  }
}

const NOT_INSTALLED = "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNextElapseUSecRealtime=";

let programs: Programs;
let site: TestSite;
let store: string;
let run: string;

/** Makes a site on this disk and its store on another one. */
async function install({ config = {}, size = "400m" } = {}): Promise<void> {
  const directory = tempDirectory();
  chmodSync(directory, 0o755);
  site = makeSite(directory, { projects: 1, config: { infra: "infra: { repo: app }", ...config } });
  const disk = path.join(directory, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "holdfast-test", disk]);
  onTestFinished(() => void execFileSync("umount", ["-l", disk]));
  store = makeStore(path.join(disk, "store"));
  run = runAt(new Date());
  await makeRun(store, run, [{ directory: "db/site", content: "one" }]);
  makeEvidence(store, run);
}

const given = (): string[] => ["--config", site.config, "--dest", store];

async function doctor(...args: readonly string[]): Promise<RunResult> {
  return await runInProcess("doctor", [...given(), ...args], { env: { PATH: programs.directory } });
}

const checksOf = ({ json }: RunResult): Check[] => (json.at(-1) as { checks: Check[] }).checks;

/** The check with this id, and the exit status. */
async function check(id: string): Promise<Check & { readonly code: number | null }> {
  const result = await doctor("--json");
  const found = checksOf(result).find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no check ${id}: ${result.stdout}`);
  return { ...found, code: result.code };
}

beforeEach(async () => {
  programs = new Programs();
});

describe("an installation", () => {
  test("that is right: exit 0, every check ok, and no hint", async () => {
    await install();
    writeFileSync(path.join(site.root, "app/.env"), "");
    execFileSync("git", ["init", "-q", path.join(site.root, "app")]);
    execFileSync("git", ["-C", path.join(site.root, "app"), "add", "."]);
    const result = await doctor("--json");
    expect(checksOf(result).map(({ id, state, problems, hint }) => ({ id, state, problems, hint }))).toEqual(
      checksOf(result).map(({ id }) => ({ id, state: "ok", problems: [], hint: null })),
    );
    expect(checksOf(result)).toHaveLength(15);
    expect(result.json).toEqual([
      expect.objectContaining({ message_type: "summary", site: "test", ok: true, error_count: 0 }),
    ]);
    expect(result.code).toBe(0);
    const text = await doctor();
    expect(text.stdout).toMatch(/^✓ timers +5 of 5 timers active, next backup Tue 2026-12-01 02:00:00 UTC$/m);
    expect(text.stdout).toMatch(/^✓ the installation of test is right: 15 checks$/m);
    expect((await doctor("--quiet")).stdout).toBe("");
  });

  test("with a fault: exit 13, the problem as JSON, and a command that can be pasted", async () => {
    await install();
    rmSync(path.join(store, "evidence"), { recursive: true });
    makeEvidence(store, run, { at: daysAgo(9) });
    programs.remove("jq");
    const { code, json } = await doctor("--json");
    expect(code).toBe(13);
    expect(json).toEqual([
      expect.objectContaining({ message_type: "error", during: "doctor", check: "proof", item: store }),
      expect.objectContaining({ message_type: "summary", ok: false, error_count: 1 }),
    ]);
    const { stdout } = await doctor("--quiet");
    expect(stdout).toMatch(
      /^✗ proof +drill of \S+, 9 days ago\n {4}\S+: the last proof is 9 days old, expected every 8 days: run a drill\n {4}hint: npx tsx scripts\/drill\.ts --config \S+ --dest \S+\n✗ the installation of test has faults: proof\n$/,
    );
  });

  test("with warnings alone: exit 0", async () => {
    await install();
    programs.remove("jq");
    const { code, stdout } = await doctor();
    expect(stdout).toMatch(
      /^! tools .*\n {4}jq: is not installed; the commands of RESTORE\.md need it\n {4}hint: apt-get install jq$/m,
    );
    expect(stdout).toMatch(/is right: 15 checks, \d warnings?$/m);
    expect(code).toBe(0);
  });

  test("without a config that can be read: exit 2", async () => {
    await install();
    writeFileSync(site.config, "site: test\n");
    expect((await doctor()).code).toBe(2);
  });
});

describe("programs", () => {
  test.each([
    ["git", "tools", "fail"],
    ["unzip", "tools", "warn"],
    ["sqlite3", "tools", "warn"],
    ["getfattr", "attr", "warn"],
    ["setfattr", "attr", "warn"],
  ])("%s is missing", async (name, id, state) => {
    await install();
    programs.remove(name);
    const found = await check(id);
    expect(found).toMatchObject({ state, problems: [{ path: name }] });
    expect(found.hint).toMatch(/^apt-get install /);
  });
});

describe("reading rights", () => {
  const asNobody = async (): Promise<Check[]> =>
    checksOf(await runBuilt("doctor", [...given(), "--json"], { user: "nobody" }));

  test("of another user than root: a warning, and a fault for what is closed to that user", async () => {
    await install();
    const open = (await asNobody()).find(({ id }) => id === "reading");
    expect(open).toMatchObject({ state: "warn", problems: [{ path: "nobody" }] });
    chmodSync(path.join(site.root, "lara_legacy"), 0o700);
    chmodSync(path.join(site.root, "images"), 0o744);
    chmodSync(site.database, 0o600);
    const checks = await asNobody();
    expect(checks.find(({ id }) => id === "reading")).toMatchObject({
      state: "fail",
      problems: [
        { path: site.database, message: "cannot be read by this user (database.url)" },
        { path: path.join(site.root, "lara_legacy"), message: "cannot be read by this user (legacy.path)" },
        { path: path.join(site.root, "images"), message: "cannot be read by this user (snapshots.media[1])" },
        { path: "nobody" },
      ],
    });
    expect(checks.find(({ id }) => id === "dump_rights")).toMatchObject({
      state: "fail",
      problems: [{ message: expect.stringContaining("permission denied") as string }],
    });
    expect(checks.find(({ id }) => id === "restore_rights")).toMatchObject({
      state: "warn",
      problems: [
        { message: `${site.root} belongs to uid 0, and nobody cannot write to it` },
        { message: "cannot give files their owners: restore in place as root" },
      ],
    });
    expect(checks.find(({ id }) => id === "store")).toMatchObject({ state: "fail", hint: `chown -R nobody: ${store}` });
  });

  test("with CAP_DAC_READ_SEARCH, as the service has: everything", async () => {
    await install();
    chmodSync(path.join(site.root, "lara_legacy"), 0o700);
    const caps = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
    const user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", ...caps, "--"];
    const argv = [...user, process.execPath, builtScript("doctor"), ...given()];
    const { stdout } = await startProgram(argv, { env: { HOME: "/nonexistent" } }).done;
    expect(stdout).toMatch(/^✓ reading rights +as nobody, with CAP_DAC_READ_SEARCH$/m);
  });

  test("paths that do not exist, links that lead nowhere, and a password file", async () => {
    await install({
      config: {
        legacy: "legacy: { path: none }\ntrees: [dangling]",
        database: 'database: { url: "sqlite:///db.sqlite3", password_file: /etc/none }',
      },
    });
    symlinkSync("nowhere", path.join(site.root, "dangling"));
    expect((await check("reading")).problems).toEqual([
      { path: path.join(site.root, "none"), message: "does not exist (legacy.path)" },
      { path: path.join(site.root, "dangling"), message: "is a broken link (trees[0])" },
      { path: "/etc/none", message: "does not exist (database[0].password_file)" },
    ]);
  });
});

describe("the config", () => {
  test("what it warns of, and what no step covers", async () => {
    await install({ config: { database: "database: { url: 'postgresql://a:planted@127.0.0.1:1/b' }", projects: "" } });
    site.write("stray/file", "x");
    const { json, stdout } = await doctor("--json");
    const checks = checksOf({ json } as RunResult);
    expect(checks.find(({ id }) => id === "config")).toMatchObject({ state: "warn" });
    expect(checks.find(({ id }) => id === "uncovered")).toMatchObject({
      state: "warn",
      problems: expect.arrayContaining([{ path: "stray/", message: "no step covers it" }]) as unknown,
    });
    expect(stdout).not.toContain("planted");
  });
});

describe("the store", () => {
  test.each([
    ["missing", () => rmSync(store, { recursive: true }), /there is no store at/],
    [
      "of another site",
      () => writeFileSync(site.config, "site: other\nroot: site\ntrees: [.]\n"),
      /belongs to the site test/,
    ],
  ])("is %s: a fault", async (_, spoil, message) => {
    await install();
    spoil();
    const found = await check("store");
    expect(found).toMatchObject({ state: "fail", code: 13 });
    expect(found.problems[0]?.message).toMatch(message);
  });

  test("is not configured: a fault that names the key", async () => {
    await install();
    const { json } = await runInProcess("doctor", ["--config", site.config, "--json"]);
    expect(checksOf({ json } as RunResult).find(({ id }) => id === "store")).toMatchObject({
      state: "fail",
      hint: `set dest in ${site.config}`,
    });
  });

  test("is on a disk that can be read only: a fault", async () => {
    await install();
    execFileSync("mount", ["-o", "remount,ro", path.dirname(store)]);
    expect(await check("store")).toMatchObject({ state: "fail" });
  });

  test("is on the disk of the site: a warning", async () => {
    await install();
    const beside = makeStore(path.join(path.dirname(site.config), "store"));
    store = beside;
    expect(await check("store_disk")).toMatchObject({ state: "warn", problems: [{ path: beside }] });
  });

  test("is on a disk that has no room for a run: a fault", async () => {
    await install({ size: "4m" });
    const found = await check("space");
    expect(found).toMatchObject({ state: "fail", problems: [{ path: store }] });
    expect(found.figure).toMatch(/free of 4\.0 MiB; the latest run is 3 B$/);
  });

  test("is sound, but a drill would have no room in the temporary directory: a warning", async () => {
    await install();
    const small = path.join(path.dirname(site.config), "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "holdfast-test", small]);
    onTestFinished(() => void execFileSync("umount", ["-l", small]));
    const large = runAt(new Date(Date.now() + 1000));
    await makeRun(store, large, [{ directory: "db/site", content: "x".repeat(3 << 20) }]);
    const env = { PATH: programs.directory, TMPDIR: small };
    const { json } = await runBuilt("doctor", [...given(), "--json"], { env });
    const found = checksOf({ json } as RunResult).find(({ id }) => id === "space");
    expect(found).toMatchObject({ state: "warn", problems: [{ path: small }] });
  });
});

describe("the clock", () => {
  test("is behind the newest run: a fault", async () => {
    await install();
    await makeRun(store, "20991231T000000Z", [{ directory: "db/site", content: "one" }]);
    expect(await check("clock")).toMatchObject({ state: "fail", problems: [{ path: "runs/20991231T000000Z" }] });
  });

  test("is behind the newest change of the store: a fault", async () => {
    await install();
    execFileSync("touch", ["-d", "2099-12-31", path.join(store, "runs")]);
    expect(await check("clock")).toMatchObject({ state: "fail", problems: [{ path: path.join(store, "runs") }] });
  });

  test("is not set by NTP: a warning; unknown where systemd does not say", async () => {
    await install();
    programs.write("timedatectl", "echo no");
    expect(await check("clock")).toMatchObject({ state: "warn", hint: "timedatectl set-ntp true" });
    programs.write("timedatectl", "exit 1");
    expect(await check("clock")).toMatchObject({
      state: "ok",
      figure: expect.stringContaining("NTP unknown") as string,
    });
    programs.remove("timedatectl");
    expect(await check("clock")).toMatchObject({ state: "ok" });
  });
});

describe("the history", () => {
  test.each([
    [0, "ok"],
    [7.9, "ok"],
    [8.1, "fail"],
  ])("a proof of %s days ago: %s", async (days, state) => {
    await install();
    rmSync(path.join(store, "evidence"), { recursive: true });
    makeEvidence(store, run, { at: daysAgo(days) });
    expect(await check("proof")).toMatchObject({ state });
  });

  test("a proof that a later drill revoked is none", async () => {
    await install();
    makeEvidence(store, run, { at: daysAgo(-0.001), ok: false });
    expect(await check("proof")).toMatchObject({ state: "fail", figure: "none" });
  });

  test("runs that are too young for a drill: a warning", async () => {
    await install();
    rmSync(path.join(store, "evidence"), { recursive: true });
    rmSync(path.join(store, "runs", run), { recursive: true });
    const now = new Date().toISOString();
    await makeRun(store, run, [{ directory: "db/site", content: "one" }], { finished_at: now });
    expect(await check("proof")).toMatchObject({ state: "warn", figure: "no run was proved yet" });
  });

  test("a retention that deletes nothing, since backups fail: a warning", async () => {
    await install();
    rmSync(path.join(store, "runs", run), { recursive: true });
    await makeRun(store, runAt(daysAgo(9)), [{ directory: "db/site", content: "one" }]);
    expect(await check("retention")).toMatchObject({ state: "warn", problems: [{ path: "prune" }] });
  });

  test("a journal that cannot be read: a fault of this check alone", async () => {
    await install();
    mkdirSync(path.join(store, "restores"));
    writeFileSync(path.join(store, "restores/20260101T000000Z.json"), "{");
    const checks = checksOf(await doctor("--json"));
    expect(checks.filter(({ state }) => state === "fail").map(({ id }) => id)).toEqual(["retention"]);
    expect(checks).toHaveLength(15);
  });
});

describe("the timers", () => {
  const inactive = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nNextElapseUSecRealtime=";
  const failed = "LoadState=loaded\nActiveState=failed\nUnitFileState=enabled\nNextElapseUSecRealtime=";
  const all = (block: string) =>
    Object.fromEntries(["backup", "drill", "prune", "verify", "watch"].map((job) => [job, block]));

  test.each([
    ["the backup is disabled", { backup: inactive }, "fail", "does not start: it is disabled and inactive"],
    ["the backup has failed", { backup: failed }, "fail", "does not start: it is enabled and failed"],
    ["the drill is not installed", { drill: NOT_INSTALLED }, "warn", "does not start: it is not installed"],
    [
      "none is installed",
      all(NOT_INSTALLED),
      "warn",
      "no timer is installed: backups start only if another program starts them",
    ],
  ])("%s", async (_, timers, state, message) => {
    await install();
    programs.setTimers(timers);
    const found = await check("timers");
    expect(found).toMatchObject({ state, problems: [{ message }] });
    expect(found.hint).toBe(`npx tsx scripts/install_systemd.ts --config ${site.config}`);
  });

  test("systemd does not run, or is not installed: a warning", async () => {
    await install();
    programs.write("systemctl", "echo 'System has not been booted with systemd' >&2; exit 1");
    expect(await check("timers")).toMatchObject({ state: "warn", figure: "unknown" });
    programs.remove("systemctl");
    expect(await check("timers")).toMatchObject({ state: "warn", figure: "unknown" });
  });
});

test("a store of another owner is named without changing anything", async () => {
  await install();
  chownSync(path.join(store, "pins"), 65534, 65534);
  const before = execFileSync("find", [store, site.root, "-printf", "%p %T@ %C@\n"], { encoding: "utf8" });
  await doctor();
  expect(execFileSync("find", [store, site.root, "-printf", "%p %T@ %C@\n"], { encoding: "utf8" })).toBe(before);
});
