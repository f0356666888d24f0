/** Pushes that are killed or cut: what was acknowledged is not sent again, and nothing is lost. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runBuilt, startBuilt, eventually } from "../../support/runs/backup.ts";
import { makeRun } from "../../support/runs/stores.ts";
import { s3cmd, s3Server } from "../../support/servers/s3.ts";
import { startTcpProxy } from "../../support/servers/tcp-proxy.ts";
import { pushScene, type PushScene } from "../../support/targets/scene.ts";
import { tempDirectory } from "../../support/temp.ts";

const RUN = "20261120T020000Z";
const MIB = 1024 * 1024;
const PART = 32 * MIB;
/** Four parts. */
const LARGE = 3 * PART + 5 * MIB;
/** What requests have beside their content. */
const OVERHEAD = 2 * MIB;

/** A line repeated: its repetitions differ from part to part, so that parts that are swapped are seen. */
const contentOf = (length: number): string => {
  const line = (number: number): string => `${String(number).padStart(15, "0")}\n`;
  return Array.from({ length: Math.ceil(length / 16) }, (_, number) => line(number))
    .join("")
    .slice(0, length);
};

async function throughProxy(kind: "plain" | "lock", more: Readonly<Record<string, unknown>> = {}) {
  const { endpoint } = await s3Server();
  const proxy = await startTcpProxy(Number(new URL(endpoint).port));
  onTestFinished(proxy.close);
  const scene = await pushScene(tempDirectory(), kind, { port: proxy.port, ...more });
  return { proxy, scene };
}

const push = ["--target", "cellar", "--json"] as const;
const stateOf = ({ store }: PushScene): { parts: readonly { number: number; size: number }[]; upload_id: string } => {
  const directory = join(store, ".tmp/push/cellar");
  const [name = ""] = readdirSync(directory).filter((file) => file.endsWith(".upload.json"));
  return JSON.parse(readFileSync(join(directory, name), "utf8")) as ReturnType<typeof stateOf>;
};

/** Fetches the artifact with s3cmd and compares it with the run. */
async function assertThere(scene: PushScene, content: string): Promise<void> {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const into = join(scene.directory, "back");
  const key = `objects/${sha256.slice(0, 2)}/${sha256}`;
  await s3cmd(
    scene.directory,
    scene.bucket,
    "get",
    "--force",
    `s3://${scene.bucket.name}/${scene.settings.prefix}${key}`,
    into,
  );
  expect(createHash("sha256").update(readFileSync(into)).digest("hex")).toBe(sha256);
}

/** Kills a push when the server has acknowledged so many parts. */
async function killAfter(scene: PushScene, parts: number): Promise<void> {
  const started = startBuilt("push", ["--config", scene.config, ...push]);
  await eventually(`${parts} parts are acknowledged`, () => partsOf(scene) >= parts, 100);
  started.child.kill("SIGKILL");
  expect((await started.done).signal).toBe("SIGKILL");
}

const partsOf = (scene: PushScene): number => {
  try {
    return stateOf(scene).parts.length;
  } catch {
    return -1; // not begun
  }
};

test("a push that is killed goes on without sending finished parts again", async () => {
  // The limit keeps the first push from being done before it is killed.
  const { proxy, scene } = await throughProxy("plain", { bandwidth_limit: "30M" });
  const content = contentOf(LARGE);
  await makeRun(scene.store, RUN, [
    { directory: "source_exports/1", content: "small\n" },
    { directory: "source_exports/2", content },
  ]);
  await killAfter(scene, 1);
  const { parts, upload_id } = stateOf(scene);
  const finished = parts.reduce((sum, { size }) => sum + size, 0);
  expect(parts.length).toBeGreaterThan(0);
  expect(finished).toBeLessThan(LARGE);

  const sent = proxy.bytes.up;
  const { code, stderr } = await runBuilt("push", ["--config", scene.config, ...push]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^warning: took over the lock of push .*\n$/)]);
  expect(proxy.bytes.up - sent).toBeLessThan(LARGE - finished + OVERHEAD);
  expect(proxy.bytes.up - sent).toBeGreaterThan(LARGE - finished);
  await assertThere(scene, content);
  const uploads = await s3cmd(scene.directory, scene.bucket, "multipart", `s3://${scene.bucket.name}`);
  expect(uploads).not.toContain(upload_id);
  expect(readdirSync(join(scene.store, ".tmp/push/cellar"))).toEqual([]);
  const verified = await runBuilt("push", ["--config", scene.config, "--verify", "--sample", "1/1", ...push]);
  expect(verified.code).toBe(0);

  const again = proxy.bytes.up;
  expect((await runBuilt("push", ["--config", scene.config, ...push])).code).toBe(0);
  expect(proxy.bytes.up - again).toBeLessThan(MIB / 4);
}, 300_000);

test("an upload that the server forgot begins anew", async () => {
  const { scene } = await throughProxy("plain", { bandwidth_limit: "20M" });
  const content = contentOf(2 * PART + 7 * MIB);
  await makeRun(scene.store, RUN, [{ directory: "source_exports/2", content }]);
  await killAfter(scene, 0);
  const { upload_id } = stateOf(scene);
  const [, place = ""] =
    /^\S+\s+(s3:\/\/.*)\t\S+$/m.exec(
      await s3cmd(scene.directory, scene.bucket, "multipart", `s3://${scene.bucket.name}`),
    ) ?? [];
  await s3cmd(scene.directory, scene.bucket, "abortmp", place, upload_id);
  expect((await runBuilt("push", ["--config", scene.config, ...push])).code).toBe(0);
  await assertThere(scene, content);
}, 300_000);

test.each([10_000, 3 * MIB, 20 * MIB])(
  "connections that are cut after %i bytes are made again",
  async (bytes) => {
    const { proxy, scene } = await throughProxy("plain");
    const content = contentOf(2 * PART + 3 * MIB);
    await makeRun(scene.store, RUN, [
      { directory: "source_exports/1", content: "small\n".repeat(5000) },
      { directory: "source_exports/2", content },
    ]);
    expect((await runBuilt("push", ["--config", scene.config, "--probe", "cellar"])).code).toBe(0);
    proxy.reset();
    proxy.cutAfter(bytes);
    const relieved = eventually("two connections are cut", () => proxy.cuts >= 2, 100).then(() =>
      proxy.cutAfter(undefined),
    );
    const { code, stderr } = await runBuilt("push", ["--config", scene.config, ...push]);
    expect([code, stderr]).toEqual([0, ""]);
    await relieved;
    await assertThere(scene, content);
  },
  300_000,
);

test("a push whose connections all break fails, leaves no run, and goes on when they hold", async () => {
  const { proxy, scene } = await throughProxy("plain");
  await makeRun(scene.store, RUN, [{ directory: "source_exports/1", content: "x".repeat(300_000) }]);
  expect((await runBuilt("push", ["--config", scene.config, "--probe", "cellar"])).code).toBe(0);
  proxy.cutAfter(100_000);
  const broken = await runBuilt("push", ["--config", scene.config, ...push]);
  expect([broken.code, broken.stderr]).toEqual([15, expect.stringMatching(/error: s3:.*(ECONNRESET|EPIPE|socket)/)]);
  expect(existsSync(join(scene.store, "targets/cellar/receipts"))).toBe(false);
  const there = await s3cmd(scene.directory, scene.bucket, "ls", "--recursive", `s3://${scene.bucket.name}`);
  expect(there).not.toContain("SHA256SUMS");
  proxy.cutAfter(undefined);
  expect((await runBuilt("push", ["--config", scene.config, ...push])).code).toBe(0);
}, 300_000);
