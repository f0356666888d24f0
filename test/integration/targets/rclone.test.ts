/** How rclone serves a target: one process a command, however many objects there are, and what ends it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { readLocalRun } from "../../../lib/targets/core/local-run.ts";
import type { Target } from "../../../lib/targets/core/target.ts";
import { rcloneTargetSchema } from "../../../lib/config/settings/targets/rclone.ts";
import { eventually, processesWith } from "../../support/runs/backup.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { openProbed } from "../../support/targets/open.ts";
import { tempDirectory } from "../../support/temp.ts";

const RUN = "20261120T020000Z";
const { signal } = new AbortController();

let directory: string;
let store: string;
let there: string;

beforeEach(async () => {
  directory = tempDirectory();
  there = join(directory, "there");
  mkdirSync(there);
  store = makeStore(join(directory, "store"));
  const units = Array.from({ length: 12 }, (_, n) => ({ directory: `trees/${n}`, content: `the unit ${n}\n` }));
  await makeRun(store, RUN, units);
  writeFileSync(join(directory, "rclone.conf"), "[cellar]\ntype = local\n");
});
afterEach(() => vi.unstubAllEnvs());

const settings = (more: object = {}) =>
  rcloneTargetSchema.parse({
    kind: "rclone",
    remote: `cellar:${there}`,
    config_file: join(directory, "rclone.conf"),
    ...more,
  });

async function open(more: object = {}, options: { signal?: AbortSignal } = {}): Promise<Target> {
  const { target } = await openProbed(settings(more), store, options);
  onTestFinished(async () => await target.close().catch(() => {}));
  return target;
}

/** Has each start of rclone noted in a file, which is returned. */
function noteStarts(): string {
  const bin = join(directory, "bin");
  const file = join(directory, "starts");
  const rclone = execFileSync("sh", ["-c", "command -v rclone"], { encoding: "utf8" }).trim();
  mkdirSync(bin);
  writeFileSync(join(bin, "rclone"), `#!/bin/sh\necho "$@" >>'${file}'\nexec '${rclone}' "$@"\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env.PATH}`);
  return file;
}

const running = (): number[] => processesWith(`RCLONE_CONFIG=${join(directory, "rclone.conf")}`);

test("a probe, a push, a verification and a removal start it once, and leave none", async () => {
  const starts = noteStarts();
  const target = await open();
  const local = await readLocalRun(store, RUN, signal);
  await target.push(local);
  expect((await target.verify(RUN, { local, sample: { n: 1, t: 1 } })).problems).toEqual([]);
  expect(running()).toHaveLength(1);
  await target.close();
  expect(running()).toEqual([]);
  expect(readFileSync(starts, "utf8").trim().split("\n")).toHaveLength(1);
});

test("its password is in no argument", async () => {
  const starts = noteStarts();
  await open();
  const [, secret = ""] = /RCLONE_RC_PASS=([^\0]+)/.exec(readFileSync(`/proc/${running()[0]}/environ`, "latin1")) ?? [];
  expect(secret).toMatch(/^[0-9a-f]{48}$/);
  expect(readFileSync(starts, "utf8")).not.toContain(secret);
});

test("a remote whose path has brackets is written and read", async () => {
  const remote = `cellar:${there}/[back] ups]`;
  const target = await open({ remote });
  const local = await readLocalRun(store, RUN, signal);
  await target.push(local);
  expect((await target.verify(RUN, { local, sample: { n: 1, t: 1 } })).problems).toEqual([]);
});

test("that it was killed is an error, and the next push is right", async () => {
  const target = await open();
  for (const pid of running()) process.kill(pid, "SIGKILL");
  const local = await readLocalRun(store, RUN, signal);
  await expect(target.push(local)).rejects.toMatchObject({ code: "E_REMOTE" });
  const again = await open();
  await again.push(local);
  expect((await again.verify(RUN, { local, sample: { n: 1, t: 1 } })).problems).toEqual([]);
});

test("it ends when the command is cancelled", async () => {
  const controller = new AbortController();
  const target = await open({}, { signal: controller.signal });
  expect(running()).toHaveLength(1);
  controller.abort();
  await target.close();
  await eventually("rclone has ended", () => running().length === 0);
});

test.each([
  ["a remote that the config file does not have", { remote: "attic:there" }, /didn't find section in config file/],
  ["a config file that needs a password", { config_file: "sealed.conf" }, /decrypt|password/i],
  ["a wrong password", { config_file: "sealed.conf", password_file: "password" }, /decrypt|password/i],
])("%s is E_CONFIG", async (_what, more, message) => {
  writeFileSync(join(store, "password"), "wrong\n", { mode: 0o600 });
  writeFileSync(
    join(store, "sealed.conf"),
    `# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n${"QUJD".repeat(40)}\n`,
  );
  await expect(open(more)).rejects.toMatchObject({
    code: "E_CONFIG",
    message: expect.stringMatching(message) as string,
  });
});

test("an environment that sets rclone's flags changes nothing", async () => {
  vi.stubEnv("RCLONE_DRY_RUN", "true");
  vi.stubEnv("RCLONE_RC_ADDR", "127.0.0.1:1");
  const target = await open();
  await target.push(await readLocalRun(store, RUN, signal));
  rmSync(join(store, "runs"), { recursive: true });
  expect((await target.verify(RUN, { local: undefined, sample: { n: 1, t: 1 } })).problems).toEqual([]);
});
