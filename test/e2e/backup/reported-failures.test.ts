/** Nothing is lost in silence: what a cron job prints, what becomes `latest`, what health says, what is kept of a run that failed. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { manifestOf, runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

const UNITS = 24;

let directory: string;
let store: string;
const config = (): string => join(directory, "site.yaml");
const latest = (): string => readlinkSync(join(store, "latest"));
const last = (): string => readlinkSync(join(store, "last"));
const backUp = async (...args: string[]): Promise<RunResult> =>
  await runInProcess("backup_all", ["--config", config(), ...args]);

/** A site of many projects, all readable. */
beforeEach(() => {
  directory = makeTemp("holdfast-silence-");
  chmodSync(directory, 0o755);
  store = join(directory, "store");
  mkdirSync(join(directory, "site/projects"), { recursive: true });
  for (let unit = 1; unit <= UNITS; unit++) {
    mkdirSync(join(directory, `site/projects/p${unit}`));
    writeFileSync(join(directory, `site/projects/p${unit}/text.txt`), `project ${unit}`);
  }
  writeFileSync(
    config(),
    `site: s\nroot: ${directory}/site\ndest: ${store}\nprojects: { glob: "projects/*", source: { path: "projects/{name}" } }\n`,
  );
});
afterEach(() => removeTree(directory));

describe("the documented cron line", () => {
  test("prints the failures, and a run that lost most of its units does not become latest", async () => {
    expect((await backUp("--quiet")).code).toBe(0);
    const good = latest();
    expect(last()).toBe(good);
    for (let unit = 3; unit <= UNITS; unit++) chmodSync(join(directory, `site/projects/p${unit}/text.txt`), 0);
    execFileSync("chown", ["-R", "nobody", store]);
    const { code, stderr } = await runBuilt("backup_all", ["--config", config(), "--quiet"], { user: "nobody" });
    expect(code).toBe(3);
    expect(stderr.match(/^failed source_exports\/p\d+: .*\[E_UNREADABLE\]$/gm)).toHaveLength(10);
    expect(stderr).toContain(`… and ${UNITS - 2 - 10} more in failures.json`);
    expect(stderr).toMatch(
      /^error: source_exports has 2 units of the 24 that the latest run has: the run \S+ does not become latest$/m,
    );
    expect(latest()).toBe(good);
    expect(last()).not.toBe(good);
    expect(readdirSync(join(store, "runs"))).toHaveLength(2);
    expect(manifestOf(join(store, last())).losses).toEqual([
      { step: "source_exports", reason: "lost", units: 2, before: UNITS },
    ]);
    const health = await runInProcess("health", ["--config", config()]);
    expect(health.code).toBe(13);
    expect(health.stdout).toContain(`${last()}: is newer, but not latest: source_exports has 2 units of the 24`);
    const verified = await runInProcess("verify", ["--dest", store, "--quick", "--run", "last", "--json"]);
    expect(verified.json.at(-1)).toMatchObject({ run: last().replace("runs/", "") });
  });

  test("a loss that is wanted is accepted by --accept-loss, a step that failed as a whole never", async () => {
    expect((await backUp()).code).toBe(0);
    const good = latest();
    for (let unit = 3; unit <= UNITS; unit++) rmSync(join(directory, `site/projects/p${unit}`), { recursive: true });
    expect((await backUp()).code).toBe(0);
    expect(latest()).toBe(good);
    expect((await backUp("--accept-loss")).code).toBe(0);
    const accepted = latest();
    expect(accepted).not.toBe(good);
    writeFileSync(config(), `${readFileSync(config(), "utf8")}database: { url: "sqlite:///none.db" }\n`);
    const { code, stderr } = await backUp("--accept-loss", "--quiet");
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: db failed as a whole: the run/m);
    expect(latest()).toBe(accepted);
  });
});

test("when nothing could be backed up, each reason is printed, and kept in a log", async () => {
  writeFileSync(join(directory, "site/db.sqlite3"), "this is no database at all, by no means");
  writeFileSync(
    config(),
    `site: s\nroot: ${directory}/site\ndest: ${store}\ndatabase: { url: "sqlite:///db.sqlite3" }\n`,
  );
  const { code, stderr } = await backUp("--quiet");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^failed db.*: .*db\.sqlite3.* \[E_SQLITE\]$/m);
  const [, run = ""] = /scripts\/logs\.ts .*?(\d{8}T\d{6}Z) --dest/.exec(stderr) ?? [];
  expect(existsSync(join(store, "runs", run))).toBe(false);
  const logged = await runInProcess("logs", [run, "--dest", store, "--level", "error"]);
  expect(logged.code).toBe(0);
  expect(logged.stdout).toMatch(/db\.sqlite3.*E_SQLITE/);
  expect(logged.stdout).toContain("no unit could be backed up");
});

test("warnings of units reach the terminal, the log and the manifest, grouped with counts", async () => {
  mkdirSync(join(directory, "site/media"));
  execFileSync(
    "mkfifo",
    [1, 2, 3, 4, 5].map((name) => join(directory, `site/media/pipe${name}`)),
  );
  writeFileSync(
    config(),
    `site: s\nroot: ${directory}/site\ndest: ${store}\nsnapshots: { media: [media] }\nignore: [projects]\n`,
  );
  const { code, stderr } = await backUp();
  expect(code).toBe(0);
  const line = /snapshots\/full_media_tree: dropped, [^:]+: media\/pipe1, media\/pipe2, media\/pipe3 and 2 more/;
  expect(stderr).toMatch(line);
  expect(manifestOf(join(store, latest())).warnings.join("\n")).toMatch(line);
  expect((await runInProcess("logs", ["--dest", store, "--level", "warn"])).stdout).toMatch(line);
});

test("what fails after the run was published is reported as an error, and the exit status is 3", async () => {
  expect((await backUp()).code).toBe(0);
  const good = latest();
  writeFileSync(
    config(),
    `${readFileSync(config(), "utf8")}hooks: { before: [sh, -c, "rm ${store}/latest && mkdir -p ${store}/latest/x"] }\n`,
  );
  const { code, stderr } = await backUp("--quiet");
  expect(code).toBe(3);
  expect(stderr).toMatch(/^error: the run is published, but its links could not be set/m);
  expect(readdirSync(join(store, "runs")).map((name) => `runs/${name}`)).toContain(good);
  expect(readdirSync(join(store, "runs"))).toHaveLength(2);
});

test("list --units shows the units of a run", async () => {
  expect((await backUp()).code).toBe(0);
  const shown = await runInProcess("list", ["--dest", store, "--units", "latest"]);
  expect(shown.stdout).toMatch(
    /^step +unit +built in +files +size +artifacts\nsource_exports +p1 +\S+Z +1 +\d+ B +source_exports\/p1\/source\.zip$/m,
  );
  const { json } = await runInProcess("list", ["--dest", store, "--units", "last", "--json"]);
  expect((json.at(-1) as { units: unknown[] }).units).toHaveLength(UNITS);
  expect((await runInProcess("list", ["--dest", store, "--units", "20200101T000000Z"])).code).toBe(1);
});
