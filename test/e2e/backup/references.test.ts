/** Files that databases name, asked at backup and proved to be in the run. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { verify, type Check } from "../../../lib/ops/verify/run.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";

const TTS =
  "{ name: tts, database: audio/tts_metadata.db, query: select file_path as path from metadata, root: audio/tts_repository_orm }";

const newSite = (...references: readonly string[]): TestSite =>
  makeSite(tempDirectory(), {
    projects: 2,
    audioFiles: 4,
    config: { references: `references:\n${references.map((one) => `  - ${one}\n`).join("")}` },
  });

async function backUp(site: TestSite, args: readonly string[] = []) {
  const result = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest, ...args]);
  const [run = ""] = readdirSync(path.join(site.dest, "runs"));
  return { ...result, run: path.join(site.dest, "runs", run), id: run };
}

async function references(site: TestSite, run = "latest"): Promise<Check | undefined> {
  const { signal } = new AbortController();
  const { checks } = await verify({ store: site.dest, run, quick: false }, { signal });
  return checks.find(({ id }) => id === "references");
}

function editCache(site: TestSite, sql: string): void {
  runSql(path.join(site.root, "audio/tts_metadata.db"), sql);
}

describe("references", () => {
  test("are asked in the dump's snapshot, kept with it, and found in shards, zips and tgz alike", async () => {
    const site = newSite(
      TTS,
      "{ name: texts, query: \"select internal_id || '/texts/text 1.txt' as path from clara_app_claraproject\", root: clara_content, optional: [] }",
      "{ name: templates, query: \"select 'file.txt' as path union select null union select ''\", root: ./templates/ }",
    );
    const { code, run, stderr } = await backUp(site);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(readFileSync(path.join(run, "db/db.sqlite3/references_texts.list"), "utf8")).toBe(
      "Project_1/texts/text 1.txt\0Project_2/texts/text 1.txt\0",
    );
    expect(readFileSync(path.join(run, "SHA256SUMS"), "utf8")).toContain("  db/db.sqlite3/references_tts.list\n");
    execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: run });
    const check = await references(site);
    expect(check).toMatchObject({ state: "ok", problems: [] });
    // Two more texts and a link in each project that no row names.
    expect(check?.figure).toBe("3 references, 7 paths, 6 orphans");
    expect(check?.notes?.map((note) => note.path)).toContain("clara_content/Project_1/texts/text 2.txt");
  });

  test("that are not in the run are problems that name them; files that no row names are not", async () => {
    const site = newSite(TTS.replace(" }", ", optional: ['drafts/**'] }"));
    editCache(
      site,
      "insert into metadata values (90, 'google/lost\n.mp3'), (91, 'drafts/a/b.mp3'), (92, '../../db.sqlite3'), (93, './google//french/voice_1/default_1.mp3')",
    );
    site.write("audio/tts_repository_orm/google/unnamed.mp3", "unnamed");
    expect((await backUp(site)).code).toBe(0);
    const check = await references(site);
    expect(check?.problems).toEqual([
      {
        path: "../../db.sqlite3",
        message: "tts: the database names it, but it points outside audio/tts_repository_orm",
      },
      {
        path: expect.stringMatching(/^audio\/tts_repository_orm\/google\/lost.+mp3$/s),
        message: "tts: the database names it, but the run does not hold it",
      },
    ]);
    expect(check?.notes).toEqual([{ path: "audio/tts_repository_orm/google/unnamed.mp3", message: "no row names it" }]);
    expect(check?.figure).toMatch(/1 optional ones missing, 1 orphan$/);
    const { code, stdout } = await runInProcess("verify", ["--dest", site.dest]);
    expect([code, stdout]).toEqual([13, expect.stringContaining("unnamed.mp3: no row names it")]);
  });

  test("a file that the site had deleted is not in the run, though an older shard holds it", async () => {
    const site = newSite(TTS);
    expect((await backUp(site)).code).toBe(0);
    rmSync(path.join(site.root, "audio/tts_repository_orm/google/french/voice_1/default_1.mp3"));
    expect((await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest])).code).toBe(0);
    expect((await references(site))?.problems.map((problem) => problem.path)).toEqual([
      "audio/tts_repository_orm/google/french/voice_1/default_1.mp3",
    ]);
  });

  test("a query that fails is a failure of the run and keeps the dump; what was not asked is not proved", async () => {
    const site = newSite(
      TTS.replace("metadata.db", "nowhere.db"),
      "{ name: columns, query: select 1 as one, root: templates }",
    );
    const { code, run } = await backUp(site);
    expect(code).toBe(3);
    const failures = JSON.parse(readFileSync(path.join(run, "db/failures.json"), "utf8")) as { unit: string }[];
    expect(failures.map(({ unit }) => unit)).toEqual(["references_columns", "references_tts"]);
    expect(readdirSync(path.join(run, "db")).some((name) => name.endsWith(".db"))).toBe(true);
    const { signal } = new AbortController();
    const { checks } = await verify({ store: site.dest, run: "latest", quick: false }, { signal });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.find(({ id }) => id === "references")).toMatchObject({
      state: "not proved",
      figure: expect.stringContaining("tts: the database could not be queried"),
    });
  });

  test("a run of a selection proves nothing of them", async () => {
    const site = newSite(TTS);
    const { id } = await backUp(site, ["--steps", "db"]);
    expect(await references(site, id)).toMatchObject({ state: "not proved", ok: true });
  });

  test("two of one name are refused", async () => {
    const site = newSite(TTS, TTS);
    const { code, stderr } = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("references: two have one name")]);
  });
});
