/** The anomaly guard: what happens to a site is found, what it does by itself is not, and an operator decides. */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Anomaly } from "../../../lib/model/anomaly.ts";
import { keptRuns, makeHistory } from "../../support/anomalies/history.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { backup, backUp, manifestOf, rest, toResult } from "../../support/runs/backup.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

const DAYS = 16;
const FILES = 220;
let site: TestSite;

const config = {
  legacy: "",
  audio_cache: "",
  snapshots: "",
  infra: "",
  projects: `projects:
  query: select id, internal_id from clara_app_claraproject
  source: { path: "clara_content/{internal_id}" }`,
  trees: "trees: [files]",
  ignore: 'ignore: ["*"]',
};

/** A site that has been as it is for some weeks. */
async function makeKnownSite(more: Readonly<Record<string, string>> = {}): Promise<void> {
  site = makeSite(tempDirectory(), { projects: 24, files: 1, config: { ...config, ...more } });
  for (let file = 1; file <= FILES; file++) site.write(`files/letter ${file}.txt`, `Letter ${file}\n`.repeat(800));
  site.sql(`create table entries (id integer primary key, body text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)
    insert into entries select i, 'entry ' || i from n;`);
  await rest();
  await backUp(site);
  makeHistory(site.dest, DAYS);
}

const lastGood = (): string => readFileSync(join(site.dest, "last_good"), "utf8");
const latest = (): string => readlinkSync(join(site.dest, "latest"));
const filesOf = (): string[] => readdirSync(join(site.root, "files")).map((name) => join(site.root, "files", name));

/** Backs up, and gives what the manifest says was found: level, code, and what it is about. */
async function found(args: readonly string[] = [], code = 0): Promise<string[]> {
  const { path } = await backUp(site, args, { code });
  return manifestOf(path).anomalies.map(shown).toSorted();
}

const shown = ({ level, code, step, unit, table }: Anomaly): string =>
  [level, code, step, unit, table].filter((part) => part !== null).join(" ");

const anomaly = async (...args: string[]) =>
  toResult(await runInProcess("anomaly", [...args, "--dest", site.dest, "--json"]));

describe("what happens to a site", () => {
  beforeEach(async () => await makeKnownSite());

  test("a site that grows is quiet, and last_good moves with it", async () => {
    site.sql("insert into entries (body) select body from entries limit 40");
    site.write("files/letter new.txt", "A new letter\n".repeat(900));
    site.write("clara_content/Project_3/texts/text 2.txt", "more\n");
    const { path, run } = await backUp(site);
    expect(manifestOf(path).anomalies).toEqual([]);
    expect(lastGood()).toBe(`${run}\n`);
    expect(keptRuns(site.dest)).toHaveLength(DAYS + 2);
  });

  test("an emptied table is an alarm: latest moves, last_good does not, every further run says it again", async () => {
    const good = lastGood();
    site.sql("delete from entries");
    const result = await backup(site);
    expect(result.code).toBe(0);
    expect(result.notes).toMatch(/differs from the history of the site, 1 alarm \(empty db\); last_good stays/);
    const summary = result.json.at(-1) as { run: string; anomalies: Anomaly[] };
    expect(summary.anomalies.map(shown)).toEqual(["alarm empty db db.sqlite3 entries"]);
    expect(summary.anomalies[0]).toMatchObject({ was: expect.any(Number), now: 0 });
    expect(latest()).toBe(`runs/${summary.run}`);
    expect(lastGood()).toBe(good);
    expect(await found()).toEqual(["alarm empty db db.sqlite3 entries"]);
    expect(lastGood()).toBe(good);
  });

  test("a halved table is an alarm", async () => {
    site.sql("delete from entries where id % 2 = 0");
    expect(await found()).toEqual(["alarm shrank db db.sqlite3 entries"]);
  });

  test("a table that a migration dropped is a notice, and another an alarm", async () => {
    site.sql("drop table entries");
    expect(await found()).toEqual(["alarm vanished db db.sqlite3 entries"]);
    site.sql("insert into django_migrations values (2, 'clara_app', '0002_no_entries', '2026-02-01 00:00:00')");
    expect(await found()).toEqual(["notice vanished db db.sqlite3 entries"]);
    expect(lastGood()).toBe(`${latest().slice("runs/".length)}\n`);
  });

  test("files encrypted where they lie are an alarm, also in the next run, which reuses them", async () => {
    for (const file of filesOf()) writeFileSync(file, randomBytes(9000));
    await rest();
    expect(await found()).toContain("alarm entropy trees files");
    expect(await found()).toContain("alarm entropy trees files");
  });

  test("files that got another extension are an alarm", async () => {
    for (const file of filesOf()) renameSync(file, `${file}.locked`);
    expect(await found()).toContain("alarm renamed trees files");
  });

  test("deleted files are an alarm, of their extension and of the tree", async () => {
    for (const file of filesOf().slice(0, 150)) rmSync(file);
    const all = await found();
    expect(all).toContain("alarm deleted trees files");
    expect(all).toContain("alarm shrank trees files");
  });

  test("projects that go are an alarm above three, and all of them too", async () => {
    site.sql("delete from clara_app_claraproject where id > 20");
    for (let id = 21; id <= 24; id++) rmSync(join(site.root, `clara_content/Project_${id}`), { recursive: true });
    expect(await found()).toContain("alarm gone source_exports");
    site.sql("delete from clara_app_claraproject");
    rmSync(join(site.root, "clara_content"), { recursive: true });
    mkdirSync(join(site.root, "clara_content"));
    expect(await found()).toContain("alarm nothing source_exports");
  });

  test("three projects may go", async () => {
    site.sql("delete from clara_app_claraproject where id > 21");
    for (let id = 22; id <= 24; id++) rmSync(join(site.root, `clara_content/Project_${id}`), { recursive: true });
    expect(await found()).toEqual(["notice never source_exports"]);
    expect(lastGood()).toBe(`${latest().slice("runs/".length)}\n`);
  });

  test("projects rewritten all at once are an alarm, and rebuilt ones with the same content are not", async () => {
    expect(await found(["--existing", "overwrite"])).toEqual([]);
    for (let id = 1; id <= 24; id++)
      site.write(
        `clara_content/Project_${id}/texts/text 1.txt`,
        `Project_${id} 1: another text of 200 bytes\n`.repeat(5),
      );
    expect(await found()).toEqual(["alarm rewrite source_exports"]);
  });

  test("a selected run is not judged, and moves nothing", async () => {
    const good = lastGood();
    site.sql("delete from entries");
    expect(await found(["--steps", "db"])).toEqual([]);
    expect(lastGood()).toBe(good);
    expect(keptRuns(site.dest)).toHaveLength(DAYS + 1);
  });
});

describe("what an operator decides", () => {
  test("an accepted run is good, and the series begins with it", async () => {
    await makeKnownSite();
    site.sql("delete from entries where id > 500");
    const { run } = await backUp(site);
    const listed = await anomaly("list");
    expect(listed.json.at(-1)).toMatchObject({ anomalies: [{ run, code: "shrank", accepted: null }] });
    expect((await anomaly("accept", run, "--code", "empty", "--reason", "no")).error?.error_code).toBe("E_USAGE");
    expect((await anomaly("accept", run, "--code", "shrank", "--reason", " ")).error?.error_code).toBe("E_USAGE");
    const dry = await anomaly("accept", run, "--code", "shrank", "--reason", "archived", "--dry-run");
    expect(dry.code).toBe(0);
    expect(existsSync(join(site.dest, "evidence", run))).toBe(false);
    const accepted = await anomaly("accept", run, "--code", "shrank", "--table", "entries", "--reason", "archived");
    expect(accepted.code, accepted.stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(site.dest, "evidence", run, "accepted.json"), "utf8"))).toMatchObject({
      run,
      accepted: [
        {
          code: "shrank",
          step: "db",
          unit: "db.sqlite3",
          table: "entries",
          reason: "archived",
          by: expect.any(String),
        },
      ],
    });
    expect(lastGood()).toBe(`${run}\n`);
    expect(await found()).toEqual([]);
    // Four hundred rows were far below all of the old window, and are near to the new one.
    site.sql("delete from entries where id > 400");
    expect(await found()).toEqual([]);
    site.sql("delete from entries where id > 30");
    expect(await found()).toEqual(["alarm cold db db.sqlite3 entries"]);
  });

  test("the config makes an alarm exit with 3, and takes a table out", async () => {
    await makeKnownSite({ anomalies: "anomalies: { exit: 3 }" });
    site.sql("delete from entries");
    expect(await found([], 3)).toEqual(["alarm empty db db.sqlite3 entries"]);
    const text = readFileSync(site.config, "utf8");
    writeFileSync(site.config, text.replace(/^anomalies: .*$/m, "anomalies: { tables: { entries: off } }"));
    expect(await found()).toEqual([]);
  });

  test("a last_good that was removed or damaged is made anew", async () => {
    await makeKnownSite();
    for (const damage of [
      () => rmSync(join(site.dest, "last_good")),
      () => writeFileSync(join(site.dest, "last_good"), "x"),
    ]) {
      damage();
      const { run } = await backUp(site);
      expect(lastGood()).toBe(`${run}\n`);
    }
  });

  test("figures that cannot be kept keep no run from being judged and published, and are reported", async () => {
    await makeKnownSite();
    rmSync(join(site.dest, "history"), { recursive: true });
    writeFileSync(join(site.dest, "history"), "no directory");
    site.sql("delete from entries");
    const result = await backup(site);
    expect(result.code).toBe(3);
    expect(result.notes).toMatch(/the run is published, but its history could not be kept/);
    expect(manifestOf(result.summary?.path ?? "").anomalies.map(shown)).toEqual(["alarm cold db db.sqlite3 entries"]);
    rmSync(join(site.dest, "history"));
    expect(await found()).toEqual(["alarm cold db db.sqlite3 entries"]);
    expect(keptRuns(site.dest)).toHaveLength(3);
  });

  test("figures that are lost or damaged are read again from the run", async () => {
    await makeKnownSite();
    const { run } = await backUp(site);
    writeFileSync(join(site.dest, "history", `${run}.json`), "{");
    site.sql("delete from entries");
    expect(await found()).toEqual(["alarm empty db db.sqlite3 entries"]);
    expect(readFileSync(join(site.dest, "history", `${run}.json`), "utf8")).toMatch(/"entries": 1200/);
  });
});
