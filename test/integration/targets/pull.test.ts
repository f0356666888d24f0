/** Pulls from a store by an account that may only read, through a proxy that can cut. */
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pullRuns, type PullSummary } from "../../../lib/api/push.ts";
import { eventually, faultsOf, runBuilt, startBuilt } from "../../support/runs/backup.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { startTreeServer, type TreeServer } from "../../support/targets/trees.ts";
import { tempDirectory } from "../../support/temp.ts";

const FIRST = "20261101T020000Z";
const SECOND = "20261102T020000Z";
const MEGABYTE = 1 << 20;

let server: TreeServer;
beforeAll(async () => void (server = await startTreeServer()));
afterAll(async () => await server.stop());

const random = (size: number): string => randomBytes(size / 2).toString("hex");

interface Case {
  readonly source: string;
  readonly dest: string;
  readonly arguments: readonly string[];
  pull(): Promise<PullSummary>;
}

async function prepare(): Promise<Case> {
  const directory = tempDirectory();
  const source = makeStore(join(directory, "source"));
  const dest = join(directory, "dest");
  const { user, keyFile } = await server.sshd.account("readOnly", source);
  const from = `ssh://${user}@127.0.0.1:${server.proxy.port}`;
  const { knownHosts } = server.sshd;
  return {
    source,
    dest,
    arguments: ["--from", from, "--dest", dest, "--key", keyFile, "--known-hosts", knownHosts, "--json"],
    pull: async () =>
      await pullRuns(
        { store: dest, config: undefined },
        { from, key: keyFile, knownHosts },
        { signal: new AbortController().signal, report: () => {} },
      ),
  };
}

const runOf = (store: string, run: string): string => join(store, "runs", run);

test("makes a copy of the store, run by run, and receives nothing twice", async () => {
  const { source, dest, pull, arguments: given } = await prepare();
  const content = random(2 * MEGABYTE);
  const unit = "trees/a b'\"$x*[1]é\\";
  await makeRun(source, FIRST, [{ directory: unit, content }, { directory: "trees/b" }]);
  const result = await runBuilt("pull", given);
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect(result.json.at(-1)).toMatchObject({ message_type: "summary", ok: true, runs: [{ run: FIRST, linked: 0 }] });
  expect(readFileSync(join(dest, "store.json"), "utf8")).toBe(readFileSync(join(source, "store.json"), "utf8"));
  expect(readlinkSync(join(dest, "latest"))).toBe(`runs/${FIRST}`);
  await makeRun(source, SECOND, [{ directory: unit, content, linkedFrom: FIRST }, { directory: "trees/c" }]);
  server.proxy.reset();
  expect((await pull()).runs).toMatchObject([{ run: SECOND }]);
  expect(server.proxy.bytes.down).toBeLessThan(MEGABYTE / 4);
  for (const run of [FIRST, SECOND]) expect(faultsOf(runOf(dest, run))).toEqual([]);
  const inode = (run: string): number => statSync(join(runOf(dest, run), unit, "content.txt")).ino;
  expect(inode(SECOND)).toBe(inode(FIRST));
  expect(statSync(join(runOf(dest, SECOND), "manifest.json")).mode & 0o777).toBe(0o640);
  const again = await pull();
  expect(again).toMatchObject({ ok: true, runs: [], refused: [] });
  expect(readdirSync(join(dest, "runs"))).toEqual([FIRST, SECOND]);
});

test("what did not arrive as recorded is named, is no run, and is received anew alone", async () => {
  const { source, dest, pull } = await prepare();
  await makeRun(source, FIRST, [
    { directory: "trees/a", content: random(MEGABYTE) },
    { directory: "trees/b", content: random(MEGABYTE) },
  ]);
  await makeRun(source, SECOND, [{ directory: "trees/c" }]);
  const file = join(runOf(source, FIRST), "trees/b/content.txt");
  const good = readFileSync(file);
  writeFileSync(file, random(MEGABYTE));
  const bad = await pull();
  expect(bad).toMatchObject({ ok: false, runs: [{ run: SECOND }] });
  expect(bad.refused).toEqual([{ run: FIRST, message: expect.stringContaining("trees/b/content.txt") as string }]);
  expect(existsSync(runOf(dest, FIRST))).toBe(false);
  writeFileSync(file, good);
  server.proxy.reset();
  expect(await pull()).toMatchObject({ ok: true, runs: [{ run: FIRST }] });
  expect(server.proxy.bytes.down).toBeLessThan(1.3 * MEGABYTE);
  expect(faultsOf(runOf(dest, FIRST))).toEqual([]);
});

test("goes on after a connection was cut, wherever that was", async () => {
  const { source, dest, pull } = await prepare();
  const units = Array.from({ length: 6 }, (_, n) => ({ directory: `trees/${n}`, content: random(MEGABYTE / 2) }));
  await makeRun(source, FIRST, units);
  let failures = 0;
  server.proxy.reset();
  for (const at of [0, 100, 5_000, 60_000, 900_000, 1_500_000]) {
    server.proxy.cutAfter(at);
    await pull().catch((error: unknown) => {
      failures++;
      expect(error).toMatchObject({ code: "E_REMOTE" });
    });
    expect(existsSync(runOf(dest, FIRST))).toBe(false);
  }
  server.proxy.cutAfter(undefined);
  expect(failures).toBe(6);
  await pull();
  expect(faultsOf(runOf(dest, FIRST))).toEqual([]);
  // Three megabytes, and of each cut at most the file that was under way.
  expect(server.proxy.bytes.down).toBeLessThan(5 * MEGABYTE);
});

test("goes on after it was killed", async () => {
  const { source, dest, pull, arguments: given } = await prepare();
  const units = Array.from({ length: 40 }, (_, n) => ({ directory: `trees/${n}`, content: random(MEGABYTE / 2) }));
  await makeRun(source, FIRST, units);
  const started = startBuilt("pull", given);
  const staging = join(dest, "runs", `.incomplete-${FIRST}`);
  await eventually("some files have arrived", () => existsSync(join(staging, "trees/1/content.txt")));
  started.child.kill("SIGKILL");
  expect((await started.done).signal).toBe("SIGKILL");
  expect(existsSync(runOf(dest, FIRST))).toBe(false);
  const [one] = (await pull()).runs;
  expect(one?.resumed).toBeGreaterThan(0);
  expect(one?.received_bytes).toBeLessThan(20 * MEGABYTE);
  expect(faultsOf(runOf(dest, FIRST))).toEqual([]);
});

test("refuses another store, and takes no run of another site or name", async () => {
  const { source, dest, pull } = await prepare();
  await makeRun(source, FIRST, [{ directory: "trees/a" }]);
  await pull();
  const document = readFileSync(join(source, "store.json"), "utf8");
  for (const other of [document.replace("an-id", "b-id"), document.replace('"test"', '"other"')]) {
    writeFileSync(join(source, "store.json"), other);
    await expect(pull()).rejects.toMatchObject({ code: "E_STORE" });
  }
  writeFileSync(join(source, "store.json"), document);
  await makeRun(source, SECOND, [{ directory: "trees/a" }], { site: "other" });
  await makeRun(source, "20261103T020000Z", [{ directory: "trees/a" }], { run: FIRST });
  expect((await pull()).refused).toHaveLength(2);
  expect(readdirSync(join(dest, "runs")).filter((name) => !name.startsWith("."))).toEqual([FIRST]);
});

test.each(["../../escaped", "trees/../../../escaped", "/tmp/escaped", "trees//a"])(
  "takes no file outside of the run: %s",
  async (name) => {
    const { source, dest, pull } = await prepare();
    const run = await makeRun(source, FIRST, [{ directory: "trees/a" }]);
    appendFileSync(join(run, "SHA256SUMS"), `${"0".repeat(64)}  ${name}\n`);
    writeFileSync(join(source, "..", "escaped"), "");
    expect((await pull()).refused).toMatchObject([{ message: expect.stringContaining("no path in a run") as string }]);
    expect(readdirSync(dest)).not.toContain("escaped");
  },
);

test("takes no link, whatever is behind it", async () => {
  const { source, dest, pull } = await prepare();
  const run = await makeRun(source, FIRST, [{ directory: "trees/a" }]);
  rmSync(join(run, "RESTORE.md"));
  symlinkSync("/etc/hostname", join(run, "RESTORE.md"));
  expect((await pull()).refused).toMatchObject([{ message: expect.stringContaining("RESTORE.md") as string }]);
  expect(existsSync(runOf(dest, FIRST))).toBe(false);
});

test("takes evidence, and keeps its own; what was removed here does not come back", async () => {
  const { source, dest, pull } = await prepare();
  await makeRun(source, FIRST, [{ directory: "trees/a" }]);
  await makeRun(source, SECOND, [{ directory: "trees/a" }]);
  mkdirSync(join(source, "evidence", FIRST), { recursive: true });
  writeFileSync(join(source, "evidence", FIRST, "drill.json"), "{}\n");
  writeFileSync(join(source, "evidence/prune.jsonl"), `{"run":"${FIRST}","incomplete":false}\n`);
  expect(await pull()).toMatchObject({ evidence: 1, runs: [{ run: FIRST }, { run: SECOND }] });
  writeFileSync(join(dest, "evidence", FIRST, "drill.json"), "{ }\n");
  expect(existsSync(join(dest, "evidence/prune.jsonl"))).toBe(false);
  const removed = await runBuilt("delete", [FIRST, "--dest", dest, "--yes"]);
  expect(removed).toMatchObject({ code: 0 });
  expect(await pull()).toMatchObject({ evidence: 0, runs: [] });
  expect(readFileSync(join(dest, "evidence", FIRST, "drill.json"), "utf8")).toBe("{ }\n");
});

test("refuses a server with another host key", async () => {
  const { source, dest, pull, arguments: given } = await prepare();
  await makeRun(source, FIRST, [{ directory: "trees/a" }]);
  await pull();
  const other = join(dest, "..", "known_hosts");
  writeFileSync(other, `* ${await otherKey()}\n`);
  const result = await runBuilt("pull", given.with(given.indexOf("--known-hosts") + 1, other));
  expect(result).toMatchObject({ code: 15 });
  expect(result.json.at(-1)).toMatchObject({
    error_code: "E_REMOTE",
    message: expect.stringContaining("another host key") as string,
  });
});

async function otherKey(): Promise<string> {
  const { keyFile } = await server.sshd.account("shell", "/");
  return readFileSync(`${keyFile}.pub`, "utf8").trim();
}
