/** A run that lacks units: a restore says so before and after, takes them from earlier runs with --complete, and ends with 3 without. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { backUp, isMessage, rest, type Summary } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, removeTree } from "../../support/temp.ts";

const directory = suiteDirectory("holdfast-restore-partial-");
let site: TestSite;
let good: Summary;
let partial: Summary;

const PROJECT = "clara_content/Project_2";
const BOOK = "lara_legacy/Old_book/page_1.html";

beforeAll(async () => {
  site = makeSite(directory, {
    config: {
      accepted: `accepted_failures:
  - { step: source_exports, unit: "3", code: E_MISSING, reason: it was lost, until: 2099-12-31 }`,
    },
  });
  await rest();
  good = await backUp(site);
  // In the second run a project and the database of the audio cache fail, another project is an accepted loss, and a book has changed.
  const away = (name: string): void => renameSync(join(site.root, name), join(directory, name.replaceAll("/", "-")));
  const back = (name: string): void => renameSync(join(directory, name.replaceAll("/", "-")), join(site.root, name));
  const lost = [PROJECT, "clara_content/Project_3", "audio/tts_metadata.db"];
  lost.forEach(away);
  site.write(BOOK, "<p>Newer</p>\n");
  partial = await backUp(site, [], { code: 3 });
  lost.forEach(back);
  execFileSync("cp", ["-a", site.root, join(directory, "original")]);
});
beforeEach(() => {
  removeTree(site.root);
  rmSync(join(site.dest, "restores"), { recursive: true, force: true });
  execFileSync("cp", ["-a", join(directory, "original"), site.root]);
});

/** Restores the partial run; a command that ends a restore takes the restore and no run. */
const restore = async (...args: string[]): Promise<RunResult> => {
  const ends = args.some((arg) => ["--confirm", "--rollback", "--recover"].includes(arg));
  const run = ends ? [] : ["--run", partial.run];
  return await runInProcess("restore", ["--config", site.config, "--dest", site.dest, ...run, ...args]);
};
const summaryOf = ({ json }: RunResult): Record<string, unknown> =>
  json.find((line) => isMessage(line) && line.message_type === "summary") as Record<string, unknown>;
let count = 0;
const fresh = (): string => join(directory, `to-${++count}`);

const FAILED = { step: "source_exports", unit: "2", accepted: false, code: "E_MISSING" };
const ACCEPTED = { step: "source_exports", unit: "3", accepted: true, code: "E_MISSING" };

test("to a directory: what it lacks is named in the plan and in the result, and it ends with 3", async () => {
  const to = fresh();
  const { code, stdout, stderr } = await restore("--to", to);
  expect(code).toBe(3);
  for (const text of [stderr, stdout]) {
    expect(text).toMatch(
      new RegExp(`source_exports/2 \\(E_MISSING: .*use --complete to take it from the run ${good.run}`),
    );
    expect(text).toMatch(/source_exports\/3 \(E_MISSING, accepted: /);
    expect(text).not.toMatch(/it stays as it is/);
  }
  expect(existsSync(join(to, PROJECT))).toBe(false);
  expect(readFileSync(join(to, BOOK), "utf8")).toBe("<p>Newer</p>\n");
  const dry = await restore("--to", fresh(), "--dry-run", "--json");
  expect(dry.code).toBe(0);
  expect(summaryOf(dry)).toMatchObject({
    missing: expect.arrayContaining([expect.objectContaining({ ...FAILED, found_in: good.run, left: false })]),
  });
});

test("--complete takes each from its last good run: all of the site is there, and it ends with 0", async () => {
  const to = fresh();
  const result = await restore("--to", to, "--complete", "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect(summaryOf(result)).toMatchObject({
    missing: [],
    completed: expect.arrayContaining([
      expect.objectContaining({ ...FAILED, found_in: good.run }),
      expect.objectContaining({ ...ACCEPTED, found_in: good.run }),
    ]),
  });
  for (const place of [PROJECT, "clara_content/Project_3", "lara_legacy", "audio/tts_repository_orm"])
    execFileSync("diff", ["-r", join(site.root, place), join(to, place)]);
  expect(existsSync(join(to, "audio/tts_metadata.db"))).toBe(true);
  const { mtimeMs } = execStat(join(site.root, PROJECT));
  expect(execStat(join(to, PROJECT)).mtimeMs).toBe(mtimeMs);
});

const execStat = (file: string): { mtimeMs: string } => ({
  mtimeMs: execFileSync("stat", ["-c", "%Y %a %u:%g", file], { encoding: "utf8" }),
});

test("in place: what is missing stays as it is, and only of that is it said", async () => {
  writeFileSync(join(site.root, PROJECT, "texts/mine.txt"), "mine");
  rmSync(join(site.root, "clara_content/Project_3"), { recursive: true });
  const { code, stdout } = await restore("--in-place", "--yes");
  expect(code).toBe(3);
  expect(readFileSync(join(site.root, PROJECT, "texts/mine.txt"), "utf8")).toBe("mine");
  const lines = stdout.split("\n").filter((line) => line.includes("missing:"));
  const of = (name: string): string => lines.find((line) => line.includes(name)) ?? "";
  expect(of("source_exports/2")).toContain("it stays as it is");
  expect(of("source_exports/3")).not.toContain("it stays as it is");
  expect((await restore("--rollback")).code).toBe(0);
  const completed = await restore("--in-place", "--yes", "--complete", "--quiet");
  expect(completed).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(join(site.root, PROJECT, "texts/mine.txt"))).toBe(false);
  expect(existsSync(join(site.root, "clara_content/Project_3/texts"))).toBe(true);
  expect((await restore("--confirm")).code).toBe(0);
});

test("a unit that failed can be asked for by itself, and a damaged copy does not count", async () => {
  const refused = await restore("--to", fresh(), "--step", "source_exports", "--unit", "2", "--json");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.json.at(-1)).toMatchObject({
    message: expect.stringMatching(/unit 2 failed in the run/),
    hint: expect.stringContaining(`use --complete to take it from the run ${good.run}`),
  });
  const to = fresh();
  expect((await restore("--to", to, "--unit", "Project_2", "--complete", "--quiet")).code).toBe(0);
  execFileSync("diff", ["-r", join(site.root, PROJECT), join(to, PROJECT)]);
  expect(await restore("--to", fresh(), "--complete", "--path", PROJECT)).toMatchObject({ code: 2 });
  const metadata = join(site.dest, "runs", good.run, "source_exports/2/metadata.json");
  const text = readFileSync(metadata, "utf8");
  writeFileSync(metadata, text.replace('"unit": "2"', '"unit":  "2"'));
  const left = await restore("--to", fresh(), "--complete", "--json");
  writeFileSync(metadata, text);
  expect(left.code).toBe(3);
  expect(summaryOf(left)).toMatchObject({ missing: [expect.objectContaining({ ...FAILED, found_in: null })] });
});

test("the databases and the layers of the audio cache come from one run", async () => {
  const to = fresh();
  const result = await restore("--to", to, "--step", "audio_cache", "--complete", "--json");
  expect(summaryOf(result)).toMatchObject({
    missing: [],
    completed: [expect.objectContaining({ step: "audio_cache", unit: "tts_metadata.db", found_in: good.run })],
  });
  expect(
    execFileSync("sqlite3", [join(to, "audio/tts_metadata.db"), "select count(*) from metadata"], { encoding: "utf8" }),
  ).toBe("6\n");
});
