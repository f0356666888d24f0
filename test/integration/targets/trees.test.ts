/** Targets that hold the tree of the store: a directory of this host, and accounts of a real sshd. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import { readLocalRun, type LocalRun } from "../../../lib/targets/core/local-run.ts";
import type { Receipt } from "../../../lib/targets/core/receipt.ts";
import { filesOf } from "../../support/files.ts";
import { eventually, faultsOf, startBuilt } from "../../support/runs/backup.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { openTree, startTreeServer, type TreeKind, type TreeServer } from "../../support/targets/trees.ts";
import { tempDirectory } from "../../support/temp.ts";

const FIRST = "20261101T020000Z";
const SECOND = "20261102T020000Z";
const THIRD = "20261103T020000Z";
const MEGABYTE = 1 << 20;
const KINDS = ["directory", "shell", "readWrite", "appendOnly"] as const satisfies TreeKind[];

let server: TreeServer;
beforeAll(async () => void (server = await startTreeServer()));
afterAll(async () => await server.stop());

const random = (size: number): string => randomBytes(size / 2).toString("hex");

interface Case {
  readonly store: string;
  /** Where the tree of the target is. */
  readonly there: string;
  readonly settings: TargetSettings;
  push(run: string): Promise<Receipt>;
  local(run: string): Promise<LocalRun>;
}

async function prepare(kind: TreeKind): Promise<Case> {
  const directory = tempDirectory();
  const store = makeStore(join(directory, "store"));
  mkdirSync(join(store, "evidence"));
  const there = join(directory, "there");
  const settings = await server.settings(kind, there);
  const local = async (run: string): Promise<LocalRun> => await readLocalRun(store, run, new AbortController().signal);
  return {
    store,
    there,
    settings,
    local,
    push: async (run) => {
      const target = await openTree(settings, store);
      try {
        return await target.push(await local(run));
      } finally {
        await target.close();
      }
    },
  };
}

/** The directory of the only complete run of that id. */
function directoryOf(there: string, run: string): string {
  const runs = join(there, "runs");
  const names = readdirSync(runs).filter((name) => name.includes(run) && existsSync(join(runs, name, "SHA256SUMS")));
  expect(names).toHaveLength(1);
  return join(runs, names[0] ?? "");
}

const inodeOf = (file: string): number => statSync(file).ino;

describe.each(KINDS)("%s", (kind) => {
  test("holds runs as they are in the store, and is sent nothing twice", async () => {
    const { store, there, push } = await prepare(kind);
    const content = random(2 * MEGABYTE);
    await makeRun(store, FIRST, [{ directory: "trees/a b'\"$x*[1]é", content }, { directory: "trees/small" }]);
    const first = await push(FIRST);
    expect(first.sent.bytes).toBeGreaterThan(2 * MEGABYTE);
    await makeRun(store, SECOND, [{ directory: "trees/a b'\"$x*[1]é", content, linkedFrom: FIRST }]);
    server.proxy.reset();
    const second = await push(SECOND);
    expect(second.sent.bytes).toBeLessThan(20_000);
    expect(server.proxy.bytes.up).toBeLessThan(200_000);
    for (const run of [FIRST, SECOND]) {
      const directory = directoryOf(there, run);
      expect(faultsOf(directory)).toEqual([]);
      execFileSync("diff", ["-r", directory, join(store, "runs", run)]);
    }
    const artifact = "trees/a b'\"$x*[1]é/content.txt";
    expect(inodeOf(join(directoryOf(there, SECOND), artifact))).toBe(
      inodeOf(join(directoryOf(there, FIRST), artifact)),
    );
    expect(readFileSync(join(there, "store.json"), "utf8")).toBe(readFileSync(join(store, "store.json"), "utf8"));
    server.proxy.reset();
    expect(await push(SECOND)).toEqual({ ...second, sent: { files: 0, bytes: 0 } });
    expect(server.proxy.bytes.up).toBeLessThan(100_000);
    const canRename = kind === "directory" || kind === "shell";
    expect(directoryOf(there, SECOND)).toBe(join(there, "runs", canRename ? SECOND : `.in-${SECOND}.1`));
  });

  test("links what any run there has, not only the newest", async () => {
    const { store, there, push } = await prepare(kind);
    const content = random(MEGABYTE);
    await makeRun(store, FIRST, [{ directory: "trees/a", content }]);
    await makeRun(store, SECOND, [{ directory: "trees/b" }]);
    await makeRun(store, THIRD, [{ directory: "trees/a", content, linkedFrom: FIRST }, { directory: "trees/b" }]);
    await push(FIRST);
    await push(SECOND);
    expect((await push(THIRD)).sent.bytes).toBeLessThan(20_000);
    expect(faultsOf(directoryOf(there, THIRD))).toEqual([]);
  });

  test("never links a file of the same size and time with other content", async () => {
    const { store, there, push } = await prepare(kind);
    await makeRun(store, FIRST, [{ directory: "trees/a", content: "1111" }]);
    await makeRun(store, SECOND, [{ directory: "trees/a", content: "2222" }]);
    for (const run of [FIRST, SECOND])
      execFileSync("find", [join(store, "runs", run), "-exec", "touch", "-d", "2026-11-01 12:00:00", "{}", "+"]);
    await push(FIRST);
    await push(SECOND);
    expect(faultsOf(directoryOf(there, SECOND))).toEqual([]);
  });

  test("finds what is there without its receipts", async () => {
    const { store, there, push } = await prepare(kind);
    await makeRun(store, FIRST, [{ directory: "trees/a", content: random(MEGABYTE) }]);
    const receipt = await push(FIRST);
    rmSync(join(store, "targets"), { recursive: true });
    const again = await push(FIRST);
    expect(again.files).toEqual(receipt.files);
    expect(again.sent).toEqual({ files: 0, bytes: 0 });
    expect(readdirSync(join(there, "runs")).filter((name) => name.includes(FIRST))).toHaveLength(1);
  });

  test("a damaged file of the store is not sent, and is named", async () => {
    const { store, there, push } = await prepare(kind);
    await makeRun(store, FIRST, [{ directory: "trees/a" }]);
    appendFileSync(join(store, "runs", FIRST, "trees/a/content.txt"), "!");
    await expect(push(FIRST)).rejects.toMatchObject({
      code: "E_VERIFY",
      message: expect.stringContaining("trees/a/content.txt") as string,
    });
    expect(readdirSync(join(there, "runs"))).toEqual([]);
  });

  test("what was altered there is found and named, and not overwritten", async () => {
    const { store, there, push, settings, local } = await prepare(kind);
    await makeRun(store, FIRST, [{ directory: "trees/a", content: random(MEGABYTE) }, { directory: "trees/b" }]);
    await push(FIRST);
    const directory = directoryOf(there, FIRST);
    const target = await openTree(settings, store);
    const check = async (): Promise<readonly object[]> =>
      (await target.verify(FIRST, { local: await local(FIRST), sample: { n: 1, t: 1 } })).problems;
    expect(await check()).toEqual([]);
    alter(join(directory, "trees/a/content.txt"));
    alter(join(directory, "manifest.json"));
    rmSync(join(directory, "trees/b/content.txt"));
    const found = await check();
    expect(found.map((problem) => (problem as { path: string }).path).toSorted()).toEqual([
      "manifest.json",
      "trees/a/content.txt",
      "trees/b/content.txt",
    ]);
    const altered = readFileSync(join(directory, "manifest.json"), "utf8");
    await push(FIRST);
    expect(readFileSync(join(directory, "manifest.json"), "utf8")).toBe(altered);
    alter(join(directory, "SHA256SUMS"));
    const again = push(FIRST);
    // Without the right to read, another SHA256SUMS is none: the run is sent once more, and nothing is overwritten.
    if (kind === "appendOnly") expect((await again).files[0]?.key).toMatch(/^runs\/\.in-\w+\.2\//);
    else await expect(again).rejects.toMatchObject({ code: "E_VERIFY" });
    await target.close();
  });

  test("refuses the directory of another store", async () => {
    const { store, there, push, settings } = await prepare(kind);
    await makeRun(store, FIRST, [{ directory: "trees/a" }]);
    writeFileSync(
      join(there, "store.json"),
      JSON.stringify({ format_version: "1.0", id: "other", site: "test", created_at: "2026-01-01T00:00:00.000Z" }),
    );
    await expect(push(FIRST)).rejects.toMatchObject({ code: "E_STORE" });
    rmSync(join(there, "store.json"));
    if (kind !== "appendOnly") {
      writeFileSync(join(there, "a file"), "");
      await expect(push(FIRST)).rejects.toMatchObject({
        code: "E_STORE",
        message: expect.stringContaining("holds no store") as string,
      });
    }
    rmSync(there, { recursive: true });
    await expect(push(FIRST)).rejects.toMatchObject({
      code: settings.kind === "directory" ? "E_STORE" : "E_REMOTE",
      message: expect.stringMatching(/not there|does not exist|No such file/) as string,
    });
    expect(existsSync(there)).toBe(false);
  });

  test("takes evidence", async () => {
    const { store, there, settings } = await prepare(kind);
    const target = await openTree(settings, store);
    const send = async (name: string, content: string): Promise<void> => {
      const file = join(store, "evidence", name);
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, content);
      const sha256 = createHash("sha256").update(content).digest("hex");
      await target.sendEvidence([{ path: name, file, sha256, size: content.length }]);
    };
    await send("drill-1.json", "{}\n");
    await send("more/drill 2.json", "[]\n");
    expect(readFileSync(join(there, "evidence/more/drill 2.json"), "utf8")).toBe("[]\n");
    await send("drill-1.json", "{ }\n");
    const isKept = kind === "appendOnly";
    expect(readFileSync(join(there, "evidence/drill-1.json"), "utf8")).toBe(isKept ? "{}\n" : "{ }\n");
    expect(target.notes).toHaveLength(isKept ? 1 : 0);
    if (!isKept) {
      expect(await target.evidence()).toEqual(["drill-1.json", "more/drill 2.json"]);
      expect(await text(await target.readEvidence("more/drill 2.json"))).toBe("[]\n");
    }
    await target.close();
  });

  test("the probe says what the account may do, and leaves what it may not remove", async () => {
    const { store, there, settings } = await prepare(kind);
    const target = await openTree(settings, store);
    const isAppendOnly = kind === "appendOnly";
    expect(await target.probe()).toMatchObject({
      can_read: !isAppendOnly,
      can_list: !isAppendOnly,
      can_delete: !isAppendOnly,
    });
    const left = existsSync(join(there, "probe")) ? readdirSync(join(there, "probe")) : [];
    expect(left).toHaveLength(isAppendOnly ? 1 : 0);
    await target.close();
  });
});

/** Changes a byte and neither size nor time. */
function alter(file: string): void {
  const { atime, mtime } = statSync(file);
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
  utimesSync(file, atime, mtime);
}

describe.each(["shell", "appendOnly"] as const)("interrupted: %s", (kind) => {
  test("goes on after a connection was cut, wherever that was", async () => {
    const { store, there, push } = await prepare(kind);
    const units = Array.from({ length: 6 }, (_, n) => ({ directory: `trees/${n}`, content: random(MEGABYTE / 2) }));
    await makeRun(store, FIRST, units);
    const arrived = (): number => {
      const files = existsSync(there) ? filesOf(there) : [];
      return units.filter(({ directory }) => files.some((file) => file.endsWith(`${directory}/content.txt`))).length;
    };
    const twoArrived = async (): Promise<void> => await eventually("two files have arrived", () => arrived() >= 2);
    let failures = 0;
    for (const at of [0, 100, 6_000, 700_000, 1_500_000]) {
      server.proxy.cutAfter(at, at > 1_000_000 ? twoArrived : undefined);
      await push(FIRST).catch((error: unknown) => {
        failures++;
        expect(error).toMatchObject({ code: "E_REMOTE" });
      });
      const runs = join(there, "runs");
      const names = existsSync(runs) ? readdirSync(runs) : [];
      expect(names.filter((name) => existsSync(join(runs, name, "SHA256SUMS")))).toEqual([]);
    }
    server.proxy.cutAfter(undefined);
    expect(failures).toBe(5);
    const left = units.length - arrived();
    expect(left).toBeLessThanOrEqual(4);
    server.proxy.reset();
    await push(FIRST);
    expect(faultsOf(directoryOf(there, FIRST))).toEqual([]);
    // What had arrived is not sent again.
    expect(server.proxy.bytes.up).toBeLessThan((left * MEGABYTE) / 2 + MEGABYTE / 4);
  });

  test("goes on after it was killed", async () => {
    const { store, there, push, settings } = await prepare(kind);
    const units = Array.from({ length: 40 }, (_, n) => ({ directory: `trees/${n}`, content: random(MEGABYTE / 2) }));
    await makeRun(store, FIRST, units);
    const config = join(store, "..", "site.yaml");
    const root = join(store, "../site");
    mkdirSync(root);
    const site = { site: "test", root, dest: store, trees: ["."], targets: { away: settings } };
    writeFileSync(config, JSON.stringify(site));
    const started = startBuilt("push", ["--config", config, "--target", "away", FIRST]);
    const attempt = join(there, "runs", `.in-${FIRST}.1`);
    await eventually("some files have arrived", () => existsSync(join(attempt, "trees/1/content.txt")));
    started.child.kill("SIGKILL");
    expect((await started.done).signal).toBe("SIGKILL");
    const receipt = await push(FIRST);
    expect(receipt.sent.bytes).toBeLessThan(20 * MEGABYTE);
    expect(faultsOf(directoryOf(there, FIRST))).toEqual([]);
    const finished = join(directoryOf(there, FIRST), "trees/1/content.txt");
    if (kind === "appendOnly") expect(inodeOf(finished)).toBe(inodeOf(join(attempt, "trees/1/content.txt")));
  });
});
