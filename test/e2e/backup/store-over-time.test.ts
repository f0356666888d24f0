/** A store of which as many runs are deleted as are made: damage is found in its turn, and nothing of dead readers is left. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  utimesSync,
  writeFileSync,
  closeSync,
  openSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faultsOf, startBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { tempDirectory } from "../../support/temp.ts";

const UNITS = ["a", "b", "c", "d"];

test("each unit is read again in its turn, though runs of one step and deleted ones lie between", async () => {
  const { config, store, run } = makeStore();
  for (const unit of UNITS) writeOld(join(config.root, "legacy", unit), Buffer.from(`${unit} `.repeat(1000)));
  writeOld(join(config.root, "media"), Buffer.from("media\n"));
  for (let made = 0; made < 2; made++) await run("--config", config.file);
  for (const unit of UNITS) damage(join(store, "latest/legacy_zips", unit, "legacy.zip"));
  for (let night = 0; night < 3; night++) {
    await run("--config", config.file);
    await run("--config", config.file, "--steps", "snapshots");
    await run("--config", config.file, "--steps", "snapshots");
    for (const old of readdirSync(join(store, "runs")).toSorted().slice(0, 3))
      await runInProcess("delete", [old, "--dest", store, "--yes"]);
  }
  expect(faultsOf(realpathSync(join(store, "latest")))).toEqual([]);
});

test("pins of readers that were killed are taken away by the next reader, and by a backup", async () => {
  const { config, store, run } = makeStore();
  writeOld(join(config.root, "legacy/a"), Buffer.alloc(20_000_000, "x"));
  await run("--config", config.file);
  const pins = (): string[] => (existsSync(join(store, "pins")) ? readdirSync(join(store, "pins")) : []);
  const finished = (): string[] => pins().filter((name) => !name.startsWith("."));
  const kill = async (): Promise<void> => {
    const { child, done } = startBuilt("verify", ["--dest", store, "--deep"]);
    while (finished().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await done;
    expect(finished()).toHaveLength(1);
  };
  await kill();
  expect((await runInProcess("verify", ["--dest", store, "--quick"])).code).toBe(0);
  expect(pins()).toEqual([]);
  await kill();
  const draft = join(store, "pins/.cut-off.json.new");
  writeFileSync(draft, "");
  utimesSync(draft, 1_700_000_000, 1_700_000_000);
  await run("--config", config.file);
  expect(pins()).toEqual([]);
});

function makeStore() {
  const base = tempDirectory();
  const config = { file: join(base, "site.yaml"), root: join(base, "site") };
  const store = join(base, "store");
  writeFileSync(
    config.file,
    `site: s\nroot: ${config.root}\ndest: ${store}\nlegacy: { path: legacy }\nsnapshots: { media: [media] }\nrehash_every: 3\n`,
  );
  mkdirSync(join(config.root, "media"), { recursive: true });
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await runInProcess("backup_all", args, { env: { XDG_STATE_HOME: join(base, "state") } });
    expect(`${code} ${stderr}`).toMatch(/^0 /);
  };
  return { config, store, run };
}

/** A file old enough for its unit to be linked. */
function writeOld(directory: string, content: Buffer): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "file.png"), content);
  for (const path of [join(directory, "file.png"), directory]) utimesSync(path, 1_700_000_000, 1_700_000_000);
}

/** Changes a byte in the middle of an artifact, and no time of it. */
function damage(file: string): void {
  const { atime, mtime, size } = statSync(file);
  const handle = openSync(file, "r+");
  writeSync(handle, Buffer.from([0xff, 0x00, 0xff]), 0, 3, Math.floor(size / 2));
  closeSync(handle);
  utimesSync(file, atime, mtime);
}
