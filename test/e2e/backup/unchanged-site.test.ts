/** A run over a site in which nothing changed: what it writes and starts, counted, since these do not depend on the machine. */
import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesOf } from "../../support/files.ts";
import { backUp, backupByScripts, faultsOf, rest, summaryOf, type Summary } from "../../support/runs/backup.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

let directory: string;
let site: TestSite;
let first: Summary;
let second: Summary;
let started: string[];

beforeAll(async () => {
  directory = makeTemp("holdfast-e2e-");
  site = makeSite(directory, { projects: 30, audioFiles: 40 });
  await rest();
  first = await backUp(site);
  const log = join(directory, "processes.log");
  const noting = join(directory, "note-start.cjs");
  writeFileSync(
    noting,
    `if (require("node:worker_threads").isMainThread) require("node:fs").appendFileSync(${JSON.stringify(log)}, process.argv[1] + "\\n");`,
  );
  second = summaryOf(await backupByScripts(site, [], { env: { NODE_OPTIONS: `--require ${noting}` } }));
  started = readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((script) => script.replace(/^.*\/|\.[jt]s$/g, ""));
});
afterAll(() => removeTree(directory));

/** The files of a run that no other run has. */
const ownFiles = (run: string): string[] => filesOf(run).filter((file) => lstatSync(join(run, file)).nlink === 1);

test("starts a process for the dump and one for infra, and none for what is linked", () => {
  expect(started.toSorted()).toEqual(["backup_all", "backup_db", "backup_infra"]);
});

test("writes the documents that say something of the run, what it skipped, the dump, and nothing else", () => {
  expect(second.units_reused).toBe(first.units - 2);
  expect(ownFiles(second.path).map((file) => file.replace(/\d{8}_\d{6}/, "TIME"))).toEqual([
    "RESTORE.md",
    "SHA256SUMS",
    "compiled_exports/failures.json",
    "db/db.sqlite3/metadata.json",
    "db/index.json",
    "db/test_db_TIME.db",
    "failures.json",
    "infra/index.json",
    "infra/metadata.json",
    "manifest.json",
    "projects.json",
    "reuse.json",
    "run.log",
  ]);
  expect(faultsOf(second.path)).toEqual([]);
});

test("leaves the documents of the earlier run as they were", () => {
  expect(faultsOf(first.path)).toEqual([]);
});

test("writes the metadata of a unit anew when the site says something else of it, and links its artifact", async () => {
  site.sql("update clara_app_claraproject set title = 'Another title' where id = 1");
  const third = await backUp(site);
  expect(third.steps["source_exports"]).toMatchObject({ reused: 30 });
  const own = ownFiles(third.path);
  expect(own).toContain("source_exports/1/metadata.json");
  expect(own).not.toContain("source_exports/1/source.zip");
  expect(own).not.toContain("source_exports/2/metadata.json");
  const metadata = JSON.parse(readFileSync(join(third.path, "source_exports/1/metadata.json"), "utf8")) as unknown;
  expect(metadata).toMatchObject({ built_in: first.run, project: { title: "Another title" } });
  expect(faultsOf(third.path)).toEqual([]);
  expect(faultsOf(second.path)).toEqual([]);
});
