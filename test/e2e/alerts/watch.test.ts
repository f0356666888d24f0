/** `watch` and `alerts test`, as processes where that matters. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { hashFile } from "../../../lib/store/files/hash.ts";
import { startHttpSink, type HttpSink } from "../../support/alerts/http-sink.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { holdLock } from "../../support/alerts/held-lock.ts";
import { eventually, runBuilt, startBuilt } from "../../support/runs/backup.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { tempDirectory } from "../../support/temp.ts";

const DAY_MS = 86_400_000;
const TEMPLATE = '{"event":"{event}","title":"{title}","text":"{text}"}';

let directory: string;
let store: string;
let sink: HttpSink;

beforeEach(async () => {
  directory = tempDirectory();
  mkdirSync(join(directory, "site"));
  store = makeStore(join(directory, "store"));
  sink = await startHttpSink();
  onTestFinished(sink.close);
});

function config(alerts: object = {}, more: object = {}): string {
  const file = join(directory, "site.yaml");
  const routes = [{ name: "chat", webhook: { url: sink.url, template: TEMPLATE } }];
  const settings = { site: "test", root: "site", dest: store, trees: ["."], alerts: { routes, ...alerts }, ...more };
  writeFileSync(file, stringify(settings));
  return file;
}

const env = () => ({ XDG_STATE_HOME: join(directory, "state") });
const watch = async (...args: readonly string[]): Promise<RunResult> =>
  await runInProcess("watch", ["--config", join(directory, "site.yaml"), ...args], { env: env() });
const heard = (): { event: string; title: string; text: string }[] =>
  sink.requests.splice(0).map(({ body }) => JSON.parse(body));

const ago = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
const runId = (days: number): string => `${ago(days).slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

/** Publishes a full backup of some days ago. */
async function publish(days: number, head: object = {}): Promise<string> {
  const run = runId(days);
  await makeRun(store, run, [{ directory: "trees/site" }], { started_at: ago(days), finished_at: ago(days), ...head });
  return run;
}

/** Writes evidence of a drill of some days ago. */
async function prove(run: string, days: number, more: object = {}, place = store): Promise<void> {
  const { sha256 } = await hashFile(join(store, "runs", run, "SHA256SUMS"), new AbortController().signal);
  const evidence = join(place, "evidence", run);
  mkdirSync(evidence, { recursive: true });
  const name = `drill-${ago(days).replaceAll(/[-:.]/g, "")}.json`;
  const document = { format: "holdfast-drill", format_version: "1.0.0", run, ok: true, sums_sha256: sha256 };
  const times = { started_at: ago(days), finished_at: ago(days), rto_ms: 4_200 };
  const text = JSON.stringify({ ...document, ...times, not_proved: [], quick: false, ...more });
  writeFileSync(join(evidence, name), text);
}

const statesOf = ({ json }: RunResult): Record<string, string> =>
  Object.fromEntries(
    (json.at(-1) as { checks: { id: string; state: string }[] }).checks.map(({ id, state }) => [id, state]),
  );

test("a recent run and a recent proof: exit 0, and no news", async () => {
  config();
  await prove(await publish(1), 0.5);
  const { code, stdout, stderr } = await watch();
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^✓ recent run +\d{8}T\d{6}Z, complete, 24 h old\n✓ lock .*\n✓ proof +drill of /);
  expect(heard()).toEqual([]);
});

test("no run for more than max_age hours: exit 3, one alert a day, and a recovery", async () => {
  config();
  const run = await publish(2.5);
  const result = await watch("--json");
  expect(result.code).toBe(3);
  expect(result.json[0]).toMatchObject({ message_type: "error", during: "watch", check: "recent_run" });
  expect(result.json.at(-1)).toMatchObject({ message_type: "summary", site: "test", ok: false, error_count: 1 });
  expect(heard()).toEqual([
    {
      event: "missed",
      title: `test: no full backup for 60 h, expected every 48 h; the newest is ${run}`,
      text: expect.stringContaining("no full backup for 60 h"),
    },
  ]);
  expect((await watch()).code).toBe(3);
  expect(heard()).toEqual([]);
  await publish(0.1);
  expect((await watch()).code).toBe(0);
  expect(heard()).toEqual([
    expect.objectContaining({ event: "recovery", title: "test: there is a recent backup again" }),
  ]);
  expect((await watch()).code).toBe(0);
  expect(heard()).toEqual([]);
});

test("max_age is the config's; what is partial was published, what is no full backup was not", async () => {
  config({ max_age: 100 });
  await publish(2.5, { status: "partial" });
  expect((await watch()).code).toBe(0);
  config();
  await publish(1, { scope: { steps: ["db"] } });
  await publish(0.5, { kind: "safety" });
  expect(statesOf(await watch("--json"))).toMatchObject({ recent_run: "failed" });
});

test("a store without a run, and none at all", async () => {
  config();
  expect((await watch()).code).toBe(3);
  expect(heard()).toEqual([expect.objectContaining({ title: "test: no full backup has been published" })]);
  config({}, { dest: join(directory, "unmounted") });
  expect((await watch()).code).toBe(10);
  expect((await watch()).code).toBe(10);
  expect(heard()).toEqual([expect.objectContaining({ event: "missed", title: expect.stringContaining("E_STORE") })]);
});

test("a run of tomorrow, of a clock that was wrong, is recent", async () => {
  config();
  await publish(-1);
  expect((await watch()).code).toBe(0);
});

test("a proof of more than eight days ago is stale, and what does not prove the run is no proof", async () => {
  config();
  const run = await publish(20);
  await publish(0.5);
  expect(statesOf(await watch("--json"))).toMatchObject({ proof: "failed" });
  expect(heard()).toEqual([
    expect.objectContaining({ event: "proof_stale", title: expect.stringContaining("no run was ever proved") }),
  ]);
  await prove(run, 30, { ok: false });
  await prove(run, 1.1, { sums_sha256: "0".repeat(64) });
  await prove(run, 1.2, { run: "20200101T000000Z" });
  await prove(run, 1.3, { format_version: "2.0.0" });
  await prove(run, 1.4, { format: "holdfast-verify", deep: false, sample: null });
  await prove(run, 1.5, { format: "holdfast-verify", deep: true, sample: "1/7" });
  writeFileSync(join(store, "evidence", run, "drill-20991231T000000000Z.json"), "{");
  symlinkSync("/dev/zero", join(store, "evidence", run, "drill-20991231T000000001Z.json"));
  await prove(run, 9);
  const stale = await watch();
  expect([stale.code, stale.stdout]).toEqual([3, expect.stringMatching(/✗ proof +drill of \w+, 9 days ago/)]);
  expect(heard()).toEqual([]); // within a day
  await prove(run, 2, { format: "holdfast-verify", deep: true, sample: null });
  expect(statesOf(await watch("--json"))).toMatchObject({ proof: "ok" });
  expect(heard()).toEqual([expect.objectContaining({ title: "test: there is a recent proof again" })]);
});

test("a proof kept on this host, for a store that cannot be written to, counts", async () => {
  config();
  await prove(await publish(20), 1, {}, join(directory, "state/holdfast"));
  expect(statesOf(await watch("--json"))).toMatchObject({ proof: "ok" });
});

test("a command that holds the lock for too long hangs; one that is dead does not", async () => {
  config();
  await prove(await publish(1), 1);
  const release = holdLock(store, new Date(Date.now() - 13 * 3_600_000));
  const { code, stdout } = await watch();
  expect([code, stdout]).toEqual([3, expect.stringContaining("the lock is held for 13 h by backup_all (pid ")]);
  expect(heard()).toEqual([expect.objectContaining({ event: "missed", title: expect.stringContaining("13 h") })]);
  config({ max_duration: 14 });
  expect((await watch()).code).toBe(0);
  config();
  release();
  expect((await watch()).code).toBe(0);
});

test("a backup that was killed is missed: exit 3, and the alert names the run that was begun", async () => {
  const hook = join(directory, "site/hook");
  writeFileSync(hook, "");
  const before = ["bash", "-c", `touch '${directory}/begun'; sleep 100`];
  config({}, { hooks: { before } });
  const backup = startBuilt("backup_all", ["--config", join(directory, "site.yaml")], { env: env() });
  await eventually("the hook", () => readdirSync(directory).includes("begun"));
  backup.child.kill("SIGKILL");
  expect((await backup.done).signal).toBe("SIGKILL");
  expect(heard()).toEqual([]);
  const { code } = await runBuilt("watch", ["--config", join(directory, "site.yaml")], { env: env() });
  expect(code).toBe(3);
  const [missed, ...more] = heard();
  expect(more).toEqual([]);
  expect(missed).toMatchObject({ event: "missed" });
  expect(missed?.text).toMatch(/^no full backup has been published; the run \d{8}T\d{6}Z was begun and not published$/);
});

test("several processes at once send one alert", async () => {
  config();
  await publish(3);
  const file = join(directory, "site.yaml");
  const all = await Promise.all([1, 2, 3, 4].map(() => runBuilt("watch", ["--config", file], { env: env() })));
  expect(all.map(({ code }) => code)).toEqual([3, 3, 3, 3]);
  expect(all.map(({ stderr }) => stderr).join("")).toBe("");
  expect(heard()).toHaveLength(1);
  const memory = readFileSync(join(directory, "state/holdfast/alerts/test.json"), "utf8");
  expect(JSON.parse(memory)).toMatchObject({ sent: [{ route: "chat", event: "missed", delivered: true }] });
});

test("an alert that was not delivered is sent the next time, and one of a day ago again", async () => {
  config();
  await publish(3);
  sink.answer = 503;
  const { code, stderr } = await watch();
  expect([code, stderr]).toEqual([3, expect.stringContaining("the alert route chat failed: 503 Service Unavailable")]);
  sink.answer = 200;
  await watch();
  await watch();
  expect(heard()).toHaveLength(2);
  const file = join(directory, "state/holdfast/alerts/test.json");
  const memory = JSON.parse(readFileSync(file, "utf8")) as { sent: { at: string }[] };
  const sentAt = (at: string): void => {
    writeFileSync(file, JSON.stringify({ ...memory, sent: memory.sent.map((one) => ({ ...one, at })) }));
  };
  for (const [at, count] of [
    [ago(0.9), 0],
    [ago(1.1), 1],
    [ago(-1), 1],
  ] as const) {
    sentAt(at);
    await watch();
    expect(heard()).toHaveLength(count);
  }
});

test.each([
  ["damaged", (file: string) => writeFileSync(file, "{"), ""],
  ["a directory", (file: string) => mkdirSync(file), "cannot be recorded (EISDIR)"],
])("a memory that is %s keeps no alert back", async (_what, spoil, warning) => {
  config();
  await publish(3);
  mkdirSync(join(directory, "state/holdfast/alerts"), { recursive: true });
  spoil(join(directory, "state/holdfast/alerts/test.json"));
  const { code, stderr } = await watch();
  expect([code, stderr]).toEqual([3, expect.stringContaining(warning)]);
  expect(heard()).toHaveLength(1);
});

test("alerts test: a line for each route, exit 1 when one fails, and nothing is remembered", async () => {
  const down = await startHttpSink(500);
  onTestFinished(down.close);
  const file = config({
    routes: [
      { name: "chat", webhook: { url: sink.url, template: TEMPLATE }, events: [] },
      { name: "monitor", healthchecks: { url: `${down.url}/secret` } },
      { name: "phone", command: ["false"] },
    ],
  });
  const run = async (...args: readonly string[]): Promise<RunResult> =>
    await runInProcess("alerts", ["test", ...args, "--config", file], { env: env() });
  const all = await run();
  expect([all.code, all.stdout]).toEqual([
    1,
    "✓ chat: 200 OK\n✗ monitor: 500 Internal Server Error\n✗ phone: false ended with status 1\n",
  ]);
  expect(down.requests.map(({ path }) => path)).toEqual(["/secret/log"]);
  expect(heard()).toEqual([expect.objectContaining({ event: "test", title: "test: test message of Holdfast" })]);
  const one = await run("chat", "--json");
  expect([one.code, one.json]).toEqual([
    0,
    [{ message_type: "summary", ok: true, routes: [{ route: "chat", ok: true, answer: "200 OK" }] }],
  ]);
  expect((await run("chatt")).stderr).toContain("unknown route chatt");
  expect((await run("chat")).code).toBe(0);
  config({ routes: [] });
  expect((await run()).code).toBe(2);
  expect(readdirSync(directory)).not.toContain("state");
});
