/** `verify --live`: what the site has changed since is drift; other content under the same size and time is damage. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../../lib/config/load.ts";
import { verify, type Check, type VerifyRequest } from "../../../lib/ops/verify/run.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

const { signal } = new AbortController();
const directories: string[] = [];
let site: TestSite;

beforeEach(async () => {
  const directory = makeTemp();
  directories.push(directory);
  site = makeSite(directory, {
    projects: 3,
    audioFiles: 4,
    config: { legacy: "legacy: { path: lara_legacy, tgz_above_mb: 0 }" },
  });
  const { code, stderr } = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest]);
  if (code !== 0) throw new Error(stderr);
});
afterAll(() => directories.forEach(removeTree));

async function live(more: Partial<VerifyRequest> = {}): Promise<Map<string, Check>> {
  const config = loadConfig(site.config, process.env);
  const request = { store: site.dest, run: "latest", quick: false, live: true, config, ...more };
  const { checks } = await verify(request, { signal });
  return new Map(checks.filter(({ id }) => id.startsWith("live_")).map((check) => [check.id, check]));
}

const at = (file: string): string => path.join(site.root, file);
const notes = (check: Check | undefined): string[] =>
  (check?.notes ?? []).map((note) => `${note.path} ${note.message}`).toSorted();

/** Other bytes, the same size, the same time. */
function damage(file: string): void {
  const { size, atime, mtime } = statSync(file);
  writeFileSync(file, Buffer.alloc(size, "x"));
  utimesSync(file, atime, mtime);
}

describe("verify --live", () => {
  test("a site that has not changed shows no drift and no damage", async () => {
    const found = await live();
    expect([...found.keys()]).toEqual(["live_projects", "live_units", "live_rows", "live_trees"]);
    for (const check of found.values())
      expect([check.id, check.state, check.problems, notes(check)]).toEqual([check.id, "ok", [], []]);
    expect(found.get("live_projects")?.figure).toBe("3 projects, 3 now");
    expect(found.get("live_trees")?.figure).toMatch(/^\d+ archives, \d+ files, .* compared/);
  });

  test("what the site changed is drift, and no failure", async () => {
    site.sql(
      "delete from clara_app_claraproject where id = 1; update clara_app_claraproject set title = 'New' where id = 2; insert into clara_app_claraproject values (9, 'Project_9', 'Nine', 'fr', 'en', 1), (10, 'Project_10', 'Ten', 'fr', 'en', 1);",
    );
    writeFileSync(at("clara_content/Project_2/texts/text 1.txt"), "changed");
    rmSync(at("clara_content/Project_2/texts/text 2.txt"));
    writeFileSync(at("clara_content/Project_2/texts/new.txt"), "new");
    rmSync(at("audio/tts_repository_orm/google/french/voice_1/default_1.mp3"));
    mkdirSync(at("lara_legacy/A new book"));
    renameSync(at("lara_legacy/Old_book"), at("Old_book"));
    writeFileSync(at("clara_compiled/1/page_1.html"), "<p>compiled again</p>");
    const found = await live();
    expect([...found.values()].map(({ id, state }) => [id, state])).toEqual(
      ["live_projects", "live_units", "live_rows", "live_trees"].map((id) => [id, "ok"]),
    );
    expect(notes(found.get("live_projects"))).toEqual([
      "project 1 has been deleted since",
      "project 10 is new",
      "project 2 has changed its row since",
      "project 9 is new",
    ]);
    expect(notes(found.get("live_units"))).toEqual([
      "lara_legacy/A new book is new",
      "lara_legacy/Old_book no longer exists on the site",
    ]);
    expect(notes(found.get("live_rows"))).toEqual([
      "db/db.sqlite3 table clara_app_claraproject has 4 rows, 3 were recorded",
    ]);
    expect(notes(found.get("live_trees"))).toEqual([
      "audio/tts_repository_orm/google/french/voice_1/default_1.mp3 has been deleted since",
      "clara_compiled/1/page_1.html has been changed since",
      "clara_content/Project_2/texts/new.txt is new",
      "clara_content/Project_2/texts/text 1.txt has been changed since",
      "clara_content/Project_2/texts/text 2.txt has been deleted since",
      "lara_legacy/Old_book/page_1.html has been deleted since",
    ]);
    expect(found.get("live_trees")?.figure).toMatch(/; drift: 6$/);
  });

  test("another content under the same size and time is damage: in a zip, a rewritten page, a tgz, a shard, a snapshot", async () => {
    const files = [
      "audio/tts_repository_orm/google/french/voice_0/default_2.mp3",
      "clara_compiled/1/page_1.html",
      "clara_content/Project_1/texts/text 1.txt",
      "lara_legacy/Older book/page_1.html",
      "templates/file.txt",
    ];
    files.forEach((file) => damage(at(file)));
    const check = (await live()).get("live_trees");
    expect(check).toMatchObject({ state: "failed", ok: false });
    expect(check?.problems.toSorted((one, other) => (one.path < other.path ? -1 : 1))).toEqual(
      files.map((file) => ({
        path: file,
        message: expect.stringMatching(/holds other content of the same size and time; its mode, owner or time/),
      })),
    );
  });

  test("an altered archive is reported, even if every checksum was adjusted", async () => {
    const [run = ""] = readdirSync(path.join(site.dest, "runs"));
    const zip = path.join(site.dest, "runs", run, "source_exports/2/source.zip");
    const name = "texts/text 3.txt";
    const copy = makeTemp();
    directories.push(copy);
    execFileSync("unzip", ["-q", zip, "-d", copy]);
    damage(path.join(copy, name));
    execFileSync("zip", ["-q", zip, name], { cwd: copy });
    expect((await live()).get("live_trees")?.problems.map((problem) => problem.path)).toEqual([
      `clara_content/Project_2/${name}`,
    ]);
  });

  test("samples look at every unit once", async () => {
    damage(at("clara_content/Project_1/texts/text 1.txt"));
    const states = [];
    for (const n of [1, 2, 3]) states.push((await live({ sample: { n, t: 3 } })).get("live_trees")?.state);
    expect(states.filter((state) => state === "failed")).toHaveLength(1);
  });

  test("what cannot be asked is not proved, and without a config it is an error", async () => {
    rmSync(site.database);
    const found = await live();
    expect([found.get("live_projects")?.state, found.get("live_rows")?.state]).toEqual(["not proved", "not proved"]);
    const { code, stderr } = await runInProcess("verify", ["--dest", site.dest, "--live"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("needs its config")]);
  });
});
