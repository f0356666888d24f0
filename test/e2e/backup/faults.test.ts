/** What goes wrong on a site, or around the run: each fault is a failure with a reason, the rest is done, and the exit code says so. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { plantUnreadable } from "../../support/sites/awkward.ts";
import {
  backup,
  backUp,
  eventually,
  failuresOf,
  faultsOf,
  indexOf,
  manifestOf,
  metadataOf,
  processesWith,
  rest,
  startBackup,
  type Summary,
} from "../../support/runs/backup.ts";
import { makeSite, type SiteOptions, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, makeTemp, removeTree, tempDirectory } from "../../support/temp.ts";

/** A site of projects alone. */
const PROJECTS_ONLY = { legacy: "", audio_cache: "", snapshots: "", infra: "" };

const newSite = (config: SiteOptions["config"] = {}, options: SiteOptions = {}): TestSite =>
  makeSite(tempDirectory(), { ...options, config });

const row = (id: number | string, internalId: string, title = "Title"): string =>
  `insert into clara_app_claraproject values (${id}, '${internalId.replaceAll("'", "''")}', '${title}', 'fr', 'en', 1);`;

/** `step/unit: code`, or `step: code` of a step as a whole; what was skipped or accepted says so. */
const failed = (run: string): string[] =>
  failuresOf(run)
    .map(
      ({ step, unit, code, severity }) =>
        `${step}${unit === null ? "" : `/${unit}`}: ${code}${severity === "failed" ? "" : ` ${severity}`}`,
    )
    .filter((line) => !line.endsWith("nothing_compiled skipped"))
    .toSorted();

describe("rows that do not fit the tree", () => {
  const directory = suiteDirectory("holdfast-e2e-");
  let site: TestSite;
  let first: Summary;
  let second: Summary;

  beforeAll(async () => {
    site = makeSite(directory, { config: PROJECTS_ONLY });
    await rest();
    first = await backUp(site);
    mkdirSync(join(directory, "elsewhere"));
    writeFileSync(join(directory, "elsewhere/secret.txt"), "not of the site\n");
    symlinkSync(join(directory, "elsewhere"), join(site.root, "clara_content/Leads_out"));
    site.write("clara_content/A_file", "a file where a directory should be\n");
    site.write("clara_content/Without_row/text.txt", "an orphan\n");
    site.write("clara_content/beside.txt", "loose\n");
    rmSync(join(site.root, "clara_content/Project_2"), { recursive: true });
    site.sql(
      [
        row(10, "Nowhere"),
        row(11, "../app"),
        row(12, "/etc"),
        row(13, ""),
        row(14, "Leads_out"),
        row(15, "Project_1/../Project_3"),
        row(16, "."),
        row(17, "A_file"),
        row(18, "Error", "Error: fatal failure"),
      ].join("\n"),
    );
    site.write("clara_content/Error/text.txt", "a project whose name means nothing\n");
    await rest();
    second = await backUp(site, [], { code: 3 });
  });

  test("are failures with a reason; everything else is done and published", () => {
    expect(failed(second.path)).toEqual([
      "source_exports/10: E_MISSING",
      "source_exports/11: E_OUTSIDE",
      "source_exports/12: E_OUTSIDE",
      "source_exports/13: E_OUTSIDE",
      "source_exports/14: E_OUTSIDE",
      "source_exports/15: E_OUTSIDE",
      "source_exports/16: E_OUTSIDE",
      "source_exports/17: E_MISSING",
      "source_exports/2: E_MISSING",
    ]);
    expect(second.status).toBe("partial");
    expect(faultsOf(second.path)).toEqual([]);
    const names = indexOf(second.path, "source_exports").map(({ project_id, name }) => project_id ?? name);
    expect(names).toEqual([1, 3, 18, "~files", "~orphan-Without_row"]);
    const { expected, units, failed: count } = manifestOf(second.path).steps["source_exports"] ?? {};
    expect(expected).toBe((units ?? 0) + (count ?? 0));
  });

  test("name the last run that was good, where there is one", () => {
    const last = new Map(failuresOf(second.path).map(({ unit, last_good_run }) => [unit, last_good_run]));
    expect(last.get("2")).toBe(first.run);
    expect(last.get("10")).toBeNull();
  });

  test("what a link leads to outside of the site is in no archive; the link itself is kept among the loose files", () => {
    const list = execFileSync("unzip", ["-Z1", join(second.path, "source_exports/~files/source.zip")], {
      encoding: "utf8",
    });
    expect(list.trim().split("\n").toSorted()).toEqual(["A_file", "Leads_out", "beside.txt"]);
    expect(readFileSync(join(second.path, "source_exports/~files/source.zip")).includes("not of the site")).toBe(false);
  });

  test("a project that is titled Error is not an error", () => {
    expect(metadataOf(second.path, "source_exports/18")).toMatchObject({ project: { title: "Error: fatal failure" } });
  });

  test("failures that are accepted leave the run complete, listed and counted; another code or a past day fails again", async () => {
    const accepted = failuresOf(second.path).filter(({ severity }) => severity === "failed");
    const config = join(directory, "accepting.yaml");
    const write = (until: string, code = (own: string) => own): void =>
      writeFileSync(
        config,
        `${readFileSync(site.config, "utf8")}\naccepted_failures: ${JSON.stringify(accepted.map((one) => ({ step: one.step, unit: one.unit, code: code(one.code), reason: "known", until })))}\n`,
      );
    write("2999-12-31");
    const run = await backUp({ ...site, config });
    expect(run).toMatchObject({ status: "complete", failed: 0, accepted: accepted.length });
    expect(failed(run.path).every((line) => line.endsWith(" accepted"))).toBe(true);
    write("2020-01-01");
    expect((await backUp({ ...site, config }, [], { code: 3 })).failed).toBe(accepted.length);
    write("2999-12-31", (own) => (own === "E_MISSING" ? "E_UNREADABLE" : own));
    expect(await backUp({ ...site, config }, [], { code: 3 })).toMatchObject({
      failed: 3,
      accepted: accepted.length - 3,
    });
  });
});

test("an id that is there twice: one unit, one failure", async () => {
  const site = newSite({
    ...PROJECTS_ONLY,
    database: "",
    projects: `projects:\n  command: [echo, '[{"id": 1, "internal_id": "Project_1"}, {"id": 1, "internal_id": "Project_2"}]']\n  source: { path: "clara_content/{internal_id}" }`,
  });
  const run = await backUp(site, [], { code: 3 });
  expect(failed(run.path)).toEqual(["source_exports/1: E_PROJECTS"]);
  expect(indexOf(run.path, "source_exports").map((entry) => entry.project_id ?? entry.name)).toEqual([
    1,
    "~orphan-Project_3",
  ]);
});

describe("projects that cannot be listed", () => {
  test.each([
    ["a command that prints no JSON", `command: [echo, none]`, /JSON array/],
    ["a command that prints an object", `command: [echo, '{"id": 1}']`, /JSON array/],
    ["rows without an id", `command: [echo, '[{"name": "x"}]']`, /no id/],
    ["a command that fails", `command: [sh, -c, "echo it broke >&2; exit 4"]`, /it broke/],
    ["a query with an error", `query: select nothing from nowhere`, /syntax error/],
  ])("%s: the steps that need them fail, the others are done", async (_what, from, said) => {
    const site = newSite({
      audio_cache: "",
      snapshots: "",
      infra: "",
      projects: `projects:\n  ${from}\n  source: { path: "clara_content/{internal_id}" }`,
    });
    const run = await backUp(site, [], { code: 3 });
    expect(failed(run.path)).toEqual(["source_exports: E_PROJECTS"]);
    expect(failuresOf(run.path)[0]?.message).toMatch(said);
    expect(indexOf(run.path, "legacy_zips")).toHaveLength(3);
    expect(indexOf(run.path, "db")).toHaveLength(1);
  });
});

test("projects by glob: each directory is a project", async () => {
  const site = newSite({
    ...PROJECTS_ONLY,
    database: "",
    projects: `projects: { glob: "clara_content/*", source: { path: "clara_content/{id}" } }`,
  });
  const run = await backUp(site);
  expect(indexOf(run.path, "source_exports").map(({ project_id }) => project_id)).toEqual([
    "Project_1",
    "Project_2",
    "Project_3",
  ]);
});

describe("roots that are missing", () => {
  let site: TestSite;
  let good: Summary;
  let run: Summary;

  beforeAll(async () => {
    site = makeSite(makeTemp("holdfast-e2e-"));
    good = await backUp(site);
    for (const [root, name] of [
      ["lara_legacy", "legacy away"],
      ["audio/tts_repository_orm", "cache away"],
      ["phonetic_lexicon", "lexicon away"],
    ] as const)
      renameSync(join(site.root, root), join(site.root, "..", name));
    rmSync(join(site.root, "app/.env"));
    rmSync(join(site.root, "audio/tts_metadata.db"));
    run = await backUp(site, [], { code: 3 });
  });
  afterAll(() => removeTree(join(site.root, "..")));

  test("are failures, never empty backups", () => {
    expect(failed(run.path)).toEqual([
      "audio_cache/archives: E_MISSING",
      "audio_cache/tts_metadata.db: E_MISSING",
      "infra/.env.sample: E_MISSING",
      "infra/infra: E_MISSING",
      "legacy_zips: E_MISSING",
      "snapshots/phonetic_lexicon: E_MISSING",
    ]);
    expect(indexOf(run.path, "snapshots")).toHaveLength(1);
    expect(indexOf(run.path, "source_exports")).toHaveLength(3);
  });

  test("name the last run that had them", () => {
    for (const failure of failuresOf(run.path).filter(({ severity }) => severity === "failed"))
      expect(failure).toMatchObject({ last_good_run: good.run });
  });
});

test("unreadable files, for a user that is not root: the unit fails, the others are done", async () => {
  const site = newSite({ infra: "" });
  plantUnreadable(join(site.root, "clara_content/Project_1"));
  plantUnreadable(join(site.root, "lara_legacy/Old_book"));
  plantUnreadable(join(site.root, "images/closed"));
  plantUnreadable(join(site.root, "audio/tts_repository_orm/closed"));
  plantUnreadable(join(site.root, "clara_compiled/2"));
  chmodSync(join(site.root, ".."), 0o777);
  execFileSync("chmod", ["-R", "o+rX", join(site.root, "audio/tts_metadata.db"), site.config]);
  const result = await backup(site, [], { user: "nobody" });
  expect(result.code).toBe(3);
  const run = result.summary?.path ?? "";
  expect(failed(run)).toEqual([
    "audio_cache/archives/closed/closed directory: E_UNREADABLE",
    "audio_cache/tts_audio_part_0001: E_UNREADABLE",
    "compiled_exports/2: E_UNREADABLE",
    "legacy_zips/Old_book: E_UNREADABLE",
    "snapshots/full_media_tree: E_UNREADABLE",
    "source_exports/1: E_UNREADABLE",
  ]);
  expect(failuresOf(run).find(({ unit }) => unit === "1")?.message).toContain("closed");
  expect(indexOf(run, "source_exports").map(({ project_id }) => project_id)).toEqual([2, 3]);
  expect(faultsOf(run)).toEqual([]);
});

describe("a project that is deleted while the run goes on", () => {
  /** Deletes the row and the tree of project 2. */
  const deletion = (root: string): string =>
    `rm -r ${root}/clara_content/Project_2; sqlite3 ${root}/db.sqlite3 "delete from clara_app_claraproject where id = 2"`;

  test("is skipped, and the run is complete", async () => {
    const site = newSite(PROJECTS_ONLY);
    // The export of project 1 does it, while that of project 2 waits.
    const script = join(site.root, "..", "delete.sh");
    writeFileSync(script, `#!/bin/sh\n${deletion(site.root)}\n`, { mode: 0o755 });
    const config = readFileSync(site.config, "utf8").replace(
      'source: { path: "clara_content/{internal_id}" }',
      `source: { command: ["sh", "-c", "test {id} != 1 || ${script}; test {id} = 1 || sleep 1; cp -r clara_content/{internal_id} $0", "{out}"] }`,
    );
    writeFileSync(site.config, config);
    const run = await backUp(site);
    expect(failed(run.path)).toEqual(["source_exports/2: deleted_during_run skipped"]);
    expect(indexOf(run.path, "source_exports").map(({ project_id }) => project_id)).toEqual([1, 3]);
    expect(run).toMatchObject({ status: "complete", failed: 0 });
  });

  test("is a failure while its row is still there", async () => {
    const site = newSite({
      ...PROJECTS_ONLY,
      projects: `projects:\n  query: select id, internal_id from clara_app_claraproject\n  source: { command: ["cp", "-r", "clara_content/{internal_id}", "{out}"] }`,
    });
    rmSync(join(site.root, "clara_content/Project_2"), { recursive: true });
    const run = await backUp(site, [], { code: 3 });
    expect(failed(run.path)).toEqual(["source_exports/2: E_COMMAND"]);
  });
});

describe("exports by the site's own command", () => {
  const withCommand = (command: string): TestSite =>
    newSite({
      ...PROJECTS_ONLY,
      projects: `projects:\n  query: select id, internal_id from clara_app_claraproject\n  source: { command: ${command} }`,
    });

  test("what the command wrote is the archive; what it was given is data, never shell", async () => {
    const site = withCommand(`[sh, -c, 'printf %s "$0" > "$1/name.txt"', "{internal_id}", "{out}"]`);
    site.sql(row(9, "a'; touch /tmp/holdfast-owned; $(touch /tmp/holdfast-owned)"));
    const run = await backUp(site);
    expect(
      execFileSync("unzip", ["-p", join(run.path, "source_exports/9/source.zip"), "name.txt"], { encoding: "utf8" }),
    ).toBe("a'; touch /tmp/holdfast-owned; $(touch /tmp/holdfast-owned)");
    expect(existsSync("/tmp/holdfast-owned")).toBe(false);
  });

  test("a command that fails, or writes nothing, or says so only on one project, is a failure of that unit", async () => {
    const site = withCommand(
      `[sh, -c, 'case $0 in 1) sleep 1; echo no such project >&2; exit 1;; 2) exit 0;; 3) echo text > "$1/text";; esac', "{id}", "{out}"]`,
    );
    const run = await backUp(site, [], { code: 3 });
    expect(failed(run.path)).toEqual(["source_exports/1: E_COMMAND", "source_exports/2: E_COMMAND"]);
    expect(failuresOf(run.path).map(({ message }) => message)).toEqual([
      expect.stringContaining("no such project"),
      expect.stringContaining("wrote nothing"),
    ]);
    expect(indexOf(run.path, "source_exports").map(({ project_id }) => project_id)).toEqual([3]);
  });

  test("a command that hangs is ended with the run, by Ctrl-C", async () => {
    const marker = `holdfast-hangs-${process.pid}`;
    const site = withCommand(`[sh, -c, 'sleep 600; echo "$0"', ${marker}, "{out}"]`);
    const { child, done } = startBackup(site);
    await eventually("the command runs", () => processesWith(marker).length > 0);
    child.kill("SIGINT");
    const { code, stderr } = await done;
    expect(code).toBe(130);
    expect(stderr).toContain("interrupted by SIGINT");
    await eventually(
      "nothing is left of it",
      () => processesWith(marker).length === 0 && processesWith(site.dest).length === 0,
    );
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
    expect(readdirSync(join(site.dest, ".tmp"))).toEqual([]);
    expect(existsSync(join(site.dest, "latest"))).toBe(false);
  });
});

describe("a database that fails", () => {
  test("is a failure of the dump and of what goes by its rows; the rest is there", async () => {
    const site = newSite({ infra: "" });
    writeFileSync(
      site.database,
      "this is no database, but it is as long as the head of one would have to be".repeat(20),
    );
    const run = await backUp(site, [], { code: 3 });
    expect(failed(run.path)).toEqual([
      "compiled_exports: E_PROJECTS",
      "db/db.sqlite3: E_SQLITE",
      "source_exports: E_PROJECTS",
    ]);
    for (const step of ["legacy_zips", "audio_cache", "snapshots"])
      expect(indexOf(run.path, step).length).toBeGreaterThan(0);
    expect(indexOf(run.path, "db")).toEqual([]);
    expect(faultsOf(run.path)).toEqual([]);
  });

  test("is missing: no empty one is made in its place", async () => {
    const site = newSite({ infra: "" });
    rmSync(site.database);
    const run = await backUp(site, [], { code: 3 });
    expect(failed(run.path)).toContain("db/db.sqlite3: E_DATABASE");
    expect(existsSync(site.database)).toBe(false);
  });
});

test("nothing at all could be backed up: exit 1, nothing is published", async () => {
  const site = newSite({
    database: "",
    projects: "",
    audio_cache: "",
    snapshots: "",
    infra: "",
    legacy: "legacy: { path: gone }",
  });
  const result = await backup(site);
  expect(result.code).toBe(1);
  expect(result.error).toMatchObject({ error_code: "E_NOTHING", code: 1 });
  expect(readdirSync(join(site.dest, "runs"))).toEqual([]);
});

describe("hooks", () => {
  const withHooks = (hooks: string): TestSite =>
    newSite({ database: "", projects: "", audio_cache: "", snapshots: "", infra: "", hooks: `hooks: { ${hooks} }` });
  const touched = (site: TestSite): string[] =>
    readdirSync(site.root)
      .filter((name) => name.startsWith("hook-"))
      .toSorted();

  test("before and after run around a run that is well, on_error does not", async () => {
    const site = withHooks(
      "before: [touch, hook-before], after: [sh, -c, 'ls ../store/latest/SHA256SUMS && touch hook-after'], on_error: [touch, hook-error]",
    );
    await backUp(site);
    expect(touched(site)).toEqual(["hook-after", "hook-before"]);
  });

  test("a failing before-hook: exit 1, on_error runs, nothing is published", async () => {
    const site = withHooks(
      "before: [sh, -c, 'echo the site will not stop >&2; exit 7'], after: [touch, hook-after], on_error: [touch, hook-error]",
    );
    const result = await backup(site);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("the site will not stop");
    expect(touched(site)).toEqual(["hook-error"]);
    expect(readdirSync(join(site.dest, "runs"))).toEqual([]);
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
  });

  test("a failing after-hook: the run is published and sound, a warning says what failed, exit 3", async () => {
    const site = withHooks(
      "after: [sh, -c, 'echo the site does not start >&2; exit 7'], on_error: [touch, hook-error]",
    );
    const result = await backup(site);
    expect(result.code).toBe(3);
    expect(result.notes).toContain("the site does not start");
    expect(faultsOf(join(site.dest, "latest"))).toEqual([]);
    expect(touched(site)).toEqual([]);
  });

  test("on_error runs when the run is interrupted, so that the site comes back", async () => {
    const site = withHooks("before: [sh, -c, 'touch hook-before; sleep 600'], on_error: [touch, hook-error]");
    const { child, done } = startBackup(site);
    await eventually("the hook runs", () => existsSync(join(site.root, "hook-before")));
    child.kill("SIGTERM");
    expect((await done).code).toBe(130);
    expect(touched(site)).toEqual(["hook-before", "hook-error"]);
  });
});

test("what no step covers is listed, at any depth; what is ignored is not", async () => {
  const site = newSite({ ignore: 'ignore: ["*.log", audio/cache]' });
  site.write("gloss_images/1.png", "x");
  site.write("audio/forgotten/a.mp3", "x");
  site.write("audio/cache/a.tmp", "x");
  site.write("stray.txt", "x");
  site.write("server.log", "x");
  site.write("app/settings.py", "x");
  mkdirSync(Buffer.from(`${site.root}/caf\xe9`, "latin1"));
  const run = await backUp(site);
  expect(run.uncovered).toEqual(["app/settings.py", "audio/forgotten/", "caf\\xe9/", "gloss_images/", "stray.txt"]);
});
