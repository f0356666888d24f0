/** What alert routes hear of backups, drills and verifications. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startHttpSink, type HttpSink } from "../../support/alerts/http-sink.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { filesOf } from "../../support/files.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SMALL = { projects: "", legacy: "", audio_cache: "", snapshots: "", infra: "" };

let directory: string;
let monitor: HttpSink;
let chat: HttpSink;
let site: TestSite;

const TEMPLATE = '{"event":"{event}","title":"{title}","text":"{text}","run":"{run}"}';

function alerts(more = "", job = "backup"): string {
  return `alerts:
  routes:
    - { name: monitor, healthchecks: { url: "${monitor.url}/check", job: ${job} } }
    - { name: chat, webhook: { url: "${chat.url}", template: '${TEMPLATE}' }${more} }
`;
}

const makeSmallSite = (config: Readonly<Record<string, string>> = {}): TestSite =>
  makeSite(directory, {
    projects: 1,
    config: { ...SMALL, trees: "trees: [lara_legacy]", alerts: alerts(), ...config },
  });

async function run(name: string, ...args: readonly string[]): Promise<RunResult> {
  const place = ["--config", site.config, "--dest", site.dest];
  return await runInProcess(name, [...place, ...args], { env: { XDG_STATE_HOME: join(directory, "state") } });
}

/** What the chat got since the last call. */
const heard = (): { event: string; title: string; text: string; run: string }[] =>
  chat.requests.splice(0).map(({ body }) => JSON.parse(body));
const events = (): string[] => heard().map(({ event }) => event);
/** What the monitor got since the last call, without the run ids. */
const pings = (): string[] => monitor.requests.splice(0).map(({ path }) => path.replace(/\?rid=.*/, ""));

beforeEach(async () => {
  directory = tempDirectory();
  monitor = await startHttpSink();
  chat = await startHttpSink();
  for (const sink of [monitor, chat]) onTestFinished(sink.close);
});

describe("a backup", () => {
  test("that succeeds pings its start and its end with one run id, and is no news", async () => {
    site = makeSmallSite();
    const { code, stderr } = await run("backup_all");
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("alert")]);
    const [start, end, ...more] = monitor.requests;
    expect(more).toEqual([]);
    const id = new URL(start?.path ?? "", "http://x").searchParams.get("rid");
    expect(id).toMatch(UUID);
    expect([start?.path, end?.path]).toEqual([`/check/start?rid=${id}`, `/check/0?rid=${id}`]);
    expect(start?.body).toBe("");
    expect(end?.body).toMatch(/^test: the backup \d{8}T\d{6}Z is complete: 2 units, 0 failed/);
    expect(end?.body).toMatch(/\nexit status 0$/);
    expect(heard()).toEqual([]);
  });

  test("that succeeds is reported to a route that names success", async () => {
    site = makeSmallSite({ alerts: alerts(", events: [success]") });
    expect((await run("backup_all")).code).toBe(0);
    expect(heard()).toEqual([expect.objectContaining({ event: "success", run: expect.stringMatching(/^\d{8}T/) })]);
  });

  test("with a failed unit is a failure, once a day for the same units, and then a recovery", async () => {
    site = makeSmallSite({ trees: "trees: [lara_legacy, gone, away]" });
    expect((await run("backup_all")).code).toBe(3);
    expect(pings()).toEqual(["/check/start", "/check/3"]);
    const [failure, ...more] = heard();
    expect(more).toEqual([]);
    expect(failure).toMatchObject({ event: "failure", title: expect.stringContaining("is partial") });
    expect(failure?.text).toMatch(/failed trees\/gone: .* \[E_MISSING\]\n {2}hint: /);

    expect((await run("backup_all")).code).toBe(3);
    expect(events()).toEqual([]);
    expect(pings()).toEqual(["/check/start", "/check/3"]);

    site.write("gone/file", "x");
    expect((await run("backup_all")).code).toBe(3);
    expect(events()).toEqual(["failure"]); // other units than before

    site.write("away/file", "x");
    expect((await run("backup_all")).code).toBe(0);
    const [recovery, ...rest] = heard();
    expect(rest).toEqual([]);
    expect(recovery).toMatchObject({ event: "recovery", title: "test: backups succeed again" });
    expect(recovery?.text).toMatch(/^backup: failing since \d{4}-/);

    expect((await run("backup_all")).code).toBe(0);
    rmSync(join(site.root, "gone"), { recursive: true });
    expect((await run("backup_all")).code).toBe(3);
    expect(events()).toEqual(["failure"]); // what was forgotten with the recovery
  });

  test("of a part of the site that succeeds is no recovery", async () => {
    site = makeSmallSite({ trees: "trees: [lara_legacy, gone]" });
    expect((await run("backup_all")).code).toBe(3);
    expect((await run("backup_all", "--steps", "db")).code).toBe(0);
    expect(events()).toEqual(["failure"]);
  });

  test("that ends before it has the lock, for want of its store, is a failure", async () => {
    site = makeSmallSite();
    writeFileSync(site.dest, "a file");
    expect((await run("backup_all")).code).toBe(10);
    expect(pings()).toEqual(["/check/start", "/check/10"]);
    expect(heard()).toEqual([
      expect.objectContaining({ event: "failure", title: "test: the backup failed (E_STORE)" }),
    ]);
  });

  test("whose hook fails, and one with a wrong flag, are failures; a dry run and a step alone are no news", async () => {
    site = makeSmallSite({ hooks: "hooks: { before: ['false'] }" });
    expect((await run("backup_all")).code).toBe(1);
    expect(pings()).toEqual(["/check/start", "/check/1"]);
    expect((await run("backup_all", "--only", "nothing-of-that-name")).code).toBe(2);
    expect(heard().map(({ title }) => title)).toEqual([
      "test: the backup failed (E_COMMAND)",
      "test: the backup failed (E_USAGE)",
    ]);
    pings();
    expect((await run("backup_all", "--dry-run")).code).toBe(0);
    expect((await run("backup_db")).code).toBe(1);
    expect([events(), pings()]).toEqual([[], []]);
  });

  test("whose config cannot be read tells no one: there is no route", async () => {
    site = makeSmallSite();
    writeFileSync(site.config, `nonsense: 1\n${alerts()}`);
    expect((await run("backup_all")).code).toBe(2);
    expect([events(), pings()]).toEqual([[], []]);
  });
});

describe("a verification", () => {
  test("that fails is a failure of its own, and one that reads all is the recovery", async () => {
    site = makeSmallSite();
    await run("backup_all");
    const damaged = join(site.dest, filesOf(site.dest).find((name) => name.endsWith("tree.tgz")) ?? "");
    const sound = readFileSync(damaged);
    writeFileSync(damaged, "damage");
    pings();
    expect((await run("verify")).code).toBe(13);
    const [failure] = heard();
    expect(failure).toMatchObject({
      event: "failure",
      title: expect.stringMatching(/^test: the verification of .* failed$/),
    });
    expect(failure?.text).toContain("tree.tgz");
    expect((await run("verify")).code).toBe(13);
    expect(events()).toEqual([]);
    writeFileSync(damaged, sound);
    expect((await run("verify", "--quick")).code).toBe(0);
    expect(events()).toEqual([]);
    expect((await run("verify")).code).toBe(0);
    expect(heard()).toEqual([expect.objectContaining({ title: "test: the verification succeeds again" })]);
    expect(pings()).toEqual([]); // the check of the monitor is for backups
  });
});

describe("a drill", () => {
  test("that fails is drill_failed, and the next good one the recovery; a monitor may follow it", async () => {
    const drill = `drill: { smoke: [test, -e, "${directory}/works"] }`;
    site = makeSmallSite({ drill, alerts: alerts("", "drill") });
    await run("backup_all");
    expect(pings()).toEqual([]);
    expect((await run("drill")).code).toBe(13);
    expect(pings()).toEqual(["/check/start", "/check/13"]);
    const [failure] = heard();
    expect(failure).toMatchObject({ event: "drill_failed", title: expect.stringContaining("the drill failed") });
    expect(failure?.text).toContain("failed: application");
    writeFileSync(join(directory, "works"), "");
    expect((await run("drill")).code).toBe(0);
    expect(heard()).toEqual([expect.objectContaining({ event: "recovery", title: "test: the drill succeeds again" })]);
  });

  test("that --strict fails is reported as what it is", async () => {
    site = makeSmallSite();
    await run("backup_all");
    expect((await run("drill", "--strict")).code).toBe(13);
    expect(events()).toEqual(["drill_failed"]);
  });
});
