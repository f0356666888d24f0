/** Directories that several archives share get their own modes, owners and times, whatever the number of workers; a drill compares them. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { fromString } from "../../../lib/archive/path.ts";
import { compareTrees } from "../../../lib/ops/drill/trees.ts";
import { itemsOf } from "../../../lib/ops/runs/unit-items.ts";
import { planRestore } from "../../../lib/ops/restore/plan/planner.ts";
import { replace } from "../../../lib/ops/restore/swap/replace-tree.ts";
import type { RestoreRequest } from "../../../lib/ops/restore/plan/request.ts";
import { stage } from "../../../lib/ops/restore/stage/run.ts";
import { selectUnits } from "../../../lib/ops/restore/plan/select-units.ts";
import { runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { suiteDirectory } from "../../support/temp.ts";

const MODES = [0o750, 0o2775, 0o555, 0o711, 0o1777, 0o700];
const directory = suiteDirectory("holdfast-restore-modes-");
let root: string;
let store: string;

beforeAll(async () => {
  root = join(directory, "site");
  store = join(directory, "store");
  // Every shard has files in every directory.
  for (let shard = 0; shard < 6; shard++)
    for (let at = 0; at < MODES.length; at++) {
      const place = join(root, `audio/cache/voice_${at}/${"deep/".repeat(at)}`);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, `sound ${shard}`), Buffer.alloc(200_000, `${shard} ${at}`));
    }
  execFileSync("sqlite3", [join(root, "audio/index.db"), "create table t (a); insert into t values (1)"]);
  mkdirSync(join(root, "media/inner"), { recursive: true });
  writeFileSync(join(root, "media/picture"), "picture");
  writeFileSync(join(root, "media/inner/page"), "page");
  for (const [at, place] of directories(root).toReversed().entries()) {
    const mode = MODES[at % MODES.length] ?? 0;
    chownSync(place, 1000 + (at % 3), 2000 + (at % 2));
    chmodSync(place, mode);
    utimesSync(place, 1_600_000_000 + at, 1_600_000_000 + at);
  }
  const config = join(directory, "site.yaml");
  writeFileSync(
    config,
    `site: s
root: ${root}
dest: ${store}
audio_cache: { path: audio/cache, databases: [audio/index.db], shard_size_mb: 1 }
snapshots: { media: [media] }
`,
  );
  const { code, stderr } = await runInProcess("backup_all", ["--config", config, "--quiet"]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
});

/** The directories of a tree, the parents first. */
function directories(tree: string): string[] {
  const below = readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [tree, ...below].filter((one) => !one.includes(".holdfast")).toSorted();
}

const attributes = (tree: string): string[] =>
  directories(tree).map((place) => {
    const { mode, uid, gid, mtimeMs } = lstatSync(place);
    return `${place.slice(tree.length)} ${mode.toString(8)} ${uid}:${gid} ${Math.floor(mtimeMs / 1000)}`;
  });

test.each([1, 2, 4, 8])("%i workers", async (workers) => {
  const to = join(directory, `to ${workers}`);
  const args = ["--dest", store, "--to", to, "--workers", String(workers), "--owner", "number", "--quiet"];
  expect(await runInProcess("restore", args)).toMatchObject({ code: 0, stderr: "" });
  expect(attributes(to)).toEqual(attributes(root));
});

test("a directory that is not empty is refused before anything is written", async () => {
  const to = join(directory, "taken");
  mkdirSync(to);
  const args = ["--dest", store, "--to", to, "--json"];
  writeFileSync(join(to, ".hidden"), "mine");
  const refused = { error_code: "E_TARGET", message: expect.stringMatching(/is not empty$/), hint: expect.any(String) };
  for (const more of [[], ["--dry-run"], ["--path", "media/picture"]]) {
    const { code, json } = await runInProcess("restore", [...args, ...more]);
    expect([code, json]).toEqual([1, [expect.objectContaining(refused)]]);
  }
  expect(readdirSync(to)).toEqual([".hidden"]);
  expect(readdirSync(directory).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
});

test("a store that may only be read is drilled and verified, and the evidence is kept on this host", async () => {
  const copy = join(directory, "offsite");
  execFileSync("cp", ["-a", store, copy]);
  execFileSync("chmod", ["-R", "a+rX", copy, directory]);
  const state = join(directory, "state");
  mkdirSync(state);
  chmodSync(state, 0o777);
  for (const script of ["drill", "verify"]) {
    const { code, stderr } = await runBuilt(script, ["--dest", copy, "--quiet"], {
      user: "nobody",
      env: { STATE_DIRECTORY: state },
    });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(`it is in ${state}/evidence/\\w+/${script}-`),
    });
  }
  const evidence = join(directory, "named");
  expect(await runInProcess("drill", ["--dest", copy, "--evidence", evidence, "--quiet"])).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(readdirSync(join(evidence, readdirSync(evidence)[0] ?? ""))).toEqual([expect.stringMatching(/^drill-/)]);
});

test("a drill compares modes, owners and times of directories", async () => {
  const to = join(directory, "drilled");
  const run = join(store, "latest");
  const request: RestoreRequest = {
    store,
    run: "latest",
    target: { kind: "directory", directory: to },
    steps: [],
    units: [],
    rebuild: false,
    media: true,
    migrate: false,
    allowNewerSchema: true,
    owners: { by: "number" },
    restoreFlags: [],
    dryRun: false,
    workers: 2,
    breakLock: false,
  };
  const { signal } = new AbortController();
  const units = selectUnits(run, request);
  const plan = planRestore(run, request, { id: "drill", items: itemsOf(run, units), units, loaded: new Set() });
  await stage(plan, { signal, workers: 2, warn: () => {}, onBytes: () => {} });
  for (const operation of plan.operations) await replace(operation);
  const differences = async (): Promise<string[]> =>
    (await compareTrees(plan, units, signal)).flatMap(({ label, difference }) =>
      difference === null ? [] : [`${label}: ${difference}`],
    );
  expect(fromString(to)).toBe(plan.root);
  expect(await differences()).toEqual([]);
  for (const [place, label] of [
    ["audio/cache/voice_1", "audio_cache/archives"],
    ["audio/cache", "places.json"],
    ["audio", "places.json"],
    ["media", "places.json"],
    ["media/inner", "snapshots/full_media_tree"],
  ] as const) {
    const at = join(to, place);
    const { mode, uid, gid, mtime } = lstatSync(at);
    const spoil = [
      () => chmodSync(at, mode ^ 0o022),
      () => chownSync(at, uid + 1, gid),
      () => utimesSync(at, mtime, new Date(mtime.getTime() + 60_000)),
    ];
    for (const change of spoil) {
      change();
      expect(await differences()).toContainEqual(expect.stringMatching(`^${label}: `));
      chownSync(at, uid, gid);
      chmodSync(at, mode);
      utimesSync(at, mtime, mtime);
    }
  }
  expect(await differences()).toEqual([]);
});
