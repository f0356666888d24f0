/** What is taken and what is left out, what may not be asked for, and what is printed where. */
import { appendFileSync, existsSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  backup,
  backUp,
  failuresOf,
  faultsOf,
  indexOf,
  isMessage,
  manifestOf,
  metadataOf,
  rest,
  startBuilt,
  stateOf,
  toResult,
  type BackupResult,
  type Summary,
  runBuilt,
} from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const STEPS = ["source_exports", "compiled_exports", "legacy_zips", "audio_cache", "db", "snapshots", "infra"];

const directory = suiteDirectory("holdfast-e2e-");
let site: TestSite;
let full: Summary;

beforeAll(async () => {
  site = makeSite(directory, { projects: 4 });
  site.write("clara_content/Stray/text.txt", "without a row\n");
  await rest();
  full = await backUp(site);
});

/** The units of a run by step, those of no step left out. */
function unitsOf(run: string): Record<string, string[]> {
  const steps = Object.entries(manifestOf(run).steps).map(([name, step]) => [
    name,
    step.metadata.map(({ unit }) => unit),
  ]);
  return Object.fromEntries(steps) as Record<string, string[]>;
}

const latest = (): string => readlinkSync(join(site.dest, "latest"));

/** One step's script alone. */
const alone = async (script: string, args: readonly string[] = []): Promise<BackupResult> =>
  toResult(await startBuilt(script, ["--config", site.config, "--dest", site.dest, "--json", ...args]).done);

describe("--only and --skip", () => {
  test.each([
    ["an id", ["--only", "2"], { source_exports: ["2"], compiled_exports: ["2"] }],
    [
      "several ids, one in a repeated flag",
      ["--only", "2,3", "--only", "1"],
      { source_exports: ["1", "2", "3"], compiled_exports: ["1", "2", "3"] },
    ],
    ["an internal id", ["--only", "Project_3"], { source_exports: ["3"], compiled_exports: ["3"] }],
    ["an orphan", ["--only", "~orphan-Stray"], { source_exports: ["~orphan-Stray"] }],
    ["a legacy tree", ["--only", "Older book"], { legacy_zips: ["Older book"] }],
    ["loose files", ["--only", "~files"], { legacy_zips: ["~files"] }],
    ["ids less one", ["--only", "1,2", "--skip", "Project_1"], { source_exports: ["2"], compiled_exports: ["2"] }],
    [
      "a step",
      ["--steps", "legacy_zips,snapshots"],
      { legacy_zips: ["Old_book", "Older book", "~files"], snapshots: ["full_media_tree"] },
    ],
    ["a step less a unit", ["--steps", "legacy_zips", "--skip", "~files"], { legacy_zips: ["Old_book", "Older book"] }],
    ["the audio databases", ["--only", "orm_db"], { audio_cache: ["orm_db"] }],
    ["a unit of infra", ["--only", "infra"], { infra: ["infra"] }],
    ["one text type", ["--steps", "compiled_exports", "--text-types", "phonetic"], { compiled_exports: ["2"] }],
  ])("%s", async (_what, args, expected) => {
    const run = await backUp(site, args);
    expect(unitsOf(run.path)).toEqual(expected);
    expect(faultsOf(run.path)).toEqual([]);
    const { scope } = manifestOf(run.path);
    expect(scope).not.toBe("full");
    expect(latest()).toBe(`runs/${full.run}`);
  });

  test("the scope is in the manifest, and units are taken from the full run where they are unchanged", async () => {
    const run = await backUp(site, [
      "--only",
      "2",
      "--text-types",
      "default",
      "--name",
      "before the upgrade",
      "--tag",
      "a",
      "--tag",
      "b",
    ]);
    expect(manifestOf(run.path)).toMatchObject({
      scope: { only: ["2"], text_types: ["normal"] },
      name: "before the upgrade",
      tags: ["a", "b"],
    });
    expect(metadataOf(run.path, "source_exports/2").built_in).toBe(full.run);
    expect(metadataOf(run.path, "compiled_exports/2").artifacts.map(({ path }) => path)).toEqual([
      "compiled_exports/2/compiled_normal.zip",
    ]);
    expect(latest()).toBe(`runs/${full.run}`);
  });

  test.each([
    ["an unknown id", ["--only", "99"], /no selected step has a unit 99/],
    ["an id that is not quite one", ["--only", "1,Project_22"], /did you mean Project_2\?/],
    ["an unknown unit to skip", ["--skip", "Old_bok"], /did you mean Old_book\?/],
    [
      "a unit of a step that is not selected",
      ["--steps", "source_exports", "--only", "Old_book"],
      /no selected step has a unit Old_book/,
    ],
    ["an unknown step", ["--steps", "sources"], /unknown step sources/],
    ["a step that is not configured", ["--steps", "portable"], /configured steps/],
    ["an unknown text type", ["--text-types", "normale"], /text types of this site: normal, phonetic/],
    ["an empty list", ["--only", ""], /--only is empty/],
    ["an empty list of steps", ["--steps="], /--steps is empty/],
    ["an unknown flag", ["--frobnicate"], /Unknown argument: frobnicate/],
    ["a misspelt flag", ["--dset", "x"], /did you mean --dest\?/],
    ["a flag without its value", ["--only"], /only/],
    ["a wrong value", ["--existing", "keep"], /skip.*overwrite/],
    ["no number", ["--workers", "two"], /whole number/],
    ["a stray argument", ["site.yaml"], /site\.yaml/],
  ])("%s is exit 2 with a reason, and nothing is written", async (_what, args, said) => {
    const before = stateOf(site.dest);
    const result = await backup(site, args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(said);
    expect(result.stderr).toMatch(/\nhint: .+\n$/);
    expect(result.stderr).not.toMatch(/^ +at /m);
    expect(result.error).toMatchObject({ error_code: "E_USAGE", code: 2 });
    expect(stateOf(site.dest)).toBe(before);
  });

  test("an unknown name does not even make a store", async () => {
    const dest = join(directory, "no store");
    expect((await backup({ ...site, dest }, ["--only", "99"])).code).toBe(2);
    expect(existsSync(dest)).toBe(false);
  });

  test("a missing legacy root does not keep a project from being selected", async () => {
    const other = makeSite(tempDirectory(), { config: { legacy: "legacy: { path: gone }" } });
    const run = await backUp(other, ["--only", "2"]);
    expect(unitsOf(run.path)).toEqual({ source_exports: ["2"], compiled_exports: ["2"] });
    const result = await backup(other, ["--only", "Old_book"]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("the legacy root");
  });
});

describe("the scripts of single steps", () => {
  test.each([
    ["backup_source_exports", "source_exports"],
    ["backup_compiled_exports", "compiled_exports"],
    ["backup_legacy", "legacy_zips"],
    ["backup_audio_cache", "audio_cache"],
    ["backup_db", "db"],
    ["backup_snapshots", "snapshots"],
    ["backup_infra", "infra"],
  ])("%s makes a run of its step that is not the latest", async (script, step) => {
    const result = await alone(script);
    expect(result.code).toBe(0);
    const run = result.summary?.path ?? "";
    expect(manifestOf(run)).toMatchObject({ scope: { steps: [step] }, status: "complete" });
    expect(unitsOf(run)).toEqual({ [step]: unitsOf(full.path)[step] });
    expect(faultsOf(run)).toEqual([]);
    expect(latest()).toBe(`runs/${full.run}`);
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
  });

  test("one of them takes --only, and knows the units of its own step alone", async () => {
    expect(unitsOf((await alone("backup_legacy", ["--only", "Old_book"])).summary?.path ?? "")).toEqual({
      legacy_zips: ["Old_book"],
    });
    expect((await alone("backup_legacy", ["--only", "2"])).code).toBe(2);
  });
});

describe("--dry-run", () => {
  const events = (result: BackupResult): string[] =>
    result.json.flatMap((line) =>
      isMessage(line) && line.message_type === "verbose_status" && line["action"] !== "warning"
        ? [`${String(line["action"])} ${String(line["item"])}`]
        : [],
    );

  test("shows the real selection and writes nothing at all", async () => {
    const before = stateOf(site.dest);
    const result = await backup(site, ["--dry-run", "--verbose", "--only", "2,Old_book"]);
    expect(result.code).toBe(0);
    expect(events(result).toSorted()).toEqual([
      "reused compiled_exports/2",
      "reused legacy_zips/Old_book",
      "reused source_exports/2",
    ]);
    expect(stateOf(site.dest)).toBe(before);
  });

  test("makes no store where there is none", async () => {
    const dest = join(directory, "never made");
    const result = await backup({ ...site, dest }, ["--dry-run", "--verbose"]);
    expect(result.code).toBe(0);
    expect(events(result)).toContain("selected source_exports/~orphan-Stray");
    expect(existsSync(dest)).toBe(false);
  });
});

describe("without a config", () => {
  test.each([[[]], [["--dest", "somewhere"]]])(
    "%j is exit 2 with a hint, and no backup of something else",
    async (args) => {
      const cwd = tempDirectory();
      const result = await runBuilt("backup_all", args, {
        cwd,
        env: { HOLDFAST_CONFIG: undefined, CLARA: undefined },
      });
      expect(result.code).toBe(2);
      expect(result.stderr).toMatch(/there is no config/);
      expect(result.stderr).toMatch(/hint: .*--demo/);
      expect(filesOf(cwd)).toEqual([]);
    },
  );

  test("a misspelt key is exit 2, with the key that was meant", async () => {
    const config = join(directory, "misspelt.yaml");
    writeFileSync(config, "site: test\nroot: site\nlegcy: { path: lara_legacy }\n");
    const result = await backup({ ...site, config });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("did you mean legacy?");
  });
});

describe("what is printed", () => {
  test("--json: lines of the known types on standard output, and a summary that is true", async () => {
    appendFileSync(join(site.root, "clara_content/Project_1/texts/text 1.txt"), "more\n");
    const result = await backup(site, ["--verbose"]);
    const lines = result.stdout.split("\n").filter((line) => line !== "");
    const messages = lines.map((line) => JSON.parse(line) as { message_type: string; percent_done?: number });
    expect([...new Set(messages.map((message) => message.message_type))].toSorted()).toEqual([
      "status",
      "summary",
      "verbose_status",
    ]);
    const done = messages.flatMap(({ percent_done }) => (percent_done === undefined ? [] : [percent_done]));
    expect(done.length).toBeGreaterThan(0);
    expect(done.filter((part) => !(part >= 0 && part <= 1))).toEqual([]);
    const { summary } = result;
    const run = summary?.path ?? "";
    const steps = Object.values(manifestOf(run).steps);
    expect(summary).toMatchObject({
      status: "complete",
      units: steps.reduce((sum, step) => sum + step.units, 0),
      units_reused: steps.reduce((sum, step) => sum + step.reused, 0),
      failed: 0,
    });
    expect(messages.at(-1)?.message_type).toBe("summary");
    for (const step of STEPS) expect(indexOf(run, step).length).toBeGreaterThan(0);
    expect(failuresOf(run)).toEqual([
      expect.objectContaining({ severity: "skipped", code: "nothing_compiled", unit: "4" }),
    ]);
  });

  test("--json: an error is a message too", async () => {
    const result = await backup({ ...site, config: join(directory, "nowhere.yaml") });
    const lines = result.stdout.split("\n").filter((line) => line !== "");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        message_type: "exit_error",
        code: 2,
        error_code: "E_CONFIG",
        message: expect.stringContaining("nowhere.yaml") as string,
        hint: expect.any(String) as string,
      },
    ]);
  });

  test("in a pipe: plain lines without escapes, the result on standard output, everything else on standard error", async () => {
    const result = await startBuilt("backup_all", ["--config", site.config, "--dest", site.dest, "--only", "2"]).done;
    expect(result.code).toBe(0);
    expect(result.stdout + result.stderr).not.toContain("\u001B");
    expect(result.stdout).toMatch(/^✓ complete: 2 units, 0 failed, 0 skipped, .*\n\/.*\/runs\/\d{8}T\d{6}Z\n$/);
    expect(result.stderr).toMatch(/^test: run /);
    const quiet = await startBuilt("backup_all", [
      "--config",
      site.config,
      "--dest",
      site.dest,
      "--only",
      "2",
      "--quiet",
    ]).done;
    expect(quiet).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  test("a reader that goes away does not keep the backup from being made", async () => {
    const { child, done } = startBuilt("backup_all", [
      "--config",
      site.config,
      "--dest",
      site.dest,
      "--json",
      "--only",
      "2",
    ]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect((await done).code).toBe(0);
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
  });
});
