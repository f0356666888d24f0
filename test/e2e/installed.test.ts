/** The package: packed from the sources, installed in an empty directory elsewhere, and used there. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PROJECT, startProgram, type RunResult } from "../support/commands/run.ts";
import { installPackage } from "../support/package/install.ts";
import { suiteDirectory } from "../support/temp.ts";

const LIMIT_MS = 300_000;

const directory = suiteDirectory("holdfast-installed-");
let elsewhere: string;
const env = { XDG_STATE_HOME: join(directory, "state"), npm_config_update_notifier: "false" };

/** Runs a program of the installed package. */
const holdfast = async (...args: readonly string[]): Promise<RunResult> =>
  await startProgram(["npx", "--no-install", "holdfast", ...args], { cwd: elsewhere, env }).done;

beforeAll(() => {
  elsewhere = installPackage(directory, env);
}, LIMIT_MS);

test("it has what it needs, and nothing of the workshop", () => {
  const root = join(elsewhere, "node_modules/holdfast");
  expect(readdirSync(root).toSorted()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "config",
    "dist",
    "docs",
    "package.json",
  ]);
  const made = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" });
  expect(made).toEqual(
    expect.arrayContaining([
      "holdfast.1",
      "scripts/holdfast.js",
      "scripts/backup_db.js",
      "lib/steps/worker.js",
      "lib/ops/restore/stage/worker.js",
      "lib/ops/checks/worker.js",
    ]),
  );
  expect(made.filter((file) => /^scripts\/(?:build|man|schema)\./.test(file))).toEqual([]);
  expect(existsSync(join(root, "config/site.schema.json"))).toBe(true);
});

test("it says its version, backs up a demo site, verifies, finds and restores", { timeout: LIMIT_MS }, async () => {
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
  expect((await holdfast("--version")).stdout.trim()).toBe(version);
  const dest = join(directory, "demo");
  const made = await holdfast("backup", "--demo", "--dest", dest, "--json");
  expect(made, made.stderr).toMatchObject({ code: 0, stderr: "" });
  expect(made.json.at(-1)).toMatchObject({ message_type: "summary", status: "complete", failed: 0 });

  const restored = join(directory, "restored");
  const back = await holdfast("restore", "--dest", dest, "--to", restored, "--json");
  expect(back.code, back.stderr).toBe(0);
  const clara = join(`${dest}.site`, "clara");
  for (const tree of ["clara_content", "lara_legacy", "clara_compiled"])
    execFileSync("diff", ["-r", join(clara, tree), join(restored, tree)]);

  const verified = await holdfast("verify", "--dest", dest, "--json");
  expect(verified.code, verified.stderr).toBe(0);
  expect(verified.json.at(-1)).toMatchObject({ message_type: "summary", ok: true });
  const url = `sqlite:///${join(clara, "db.sqlite3")}`;
  const plan = await holdfast("portable", "plan", "--database", url, "--json");
  expect(plan.code, plan.stderr).toBe(0);
  expect(readlinkSync(join(dest, "latest"))).toMatch(/^runs\//);
});

test("init writes the config into the working directory, where a backup finds it", { timeout: LIMIT_MS }, async () => {
  const written = await holdfast("init", join(`${directory}/demo.site`, "clara"), "--dest", join(directory, "store"));
  expect(written.stdout, written.stderr).toContain(`wrote ${join(elsewhere, "config/site.yaml")}`);
  const tried = await holdfast("backup", "--dry-run");
  expect(tried, tried.stderr).toMatchObject({ code: 0 });
});

/** Compiles files in the directory of the package's user; returns what the compiler prints. */
function compile(files: readonly string[], options: Readonly<Record<string, unknown>>): string {
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: "es2023", lib: ["es2023"], skipLibCheck: false },
    ...{ exactOptionalPropertyTypes: true, types: ["node"], typeRoots: [join(PROJECT, "node_modules/@types")] },
    ...options,
  };
  writeFileSync(join(elsewhere, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const tsc = join(PROJECT, "node_modules/.bin/tsc");
  const { stdout, stderr } = spawnSync(tsc, ["-p", elsewhere], { encoding: "utf8" });
  return stdout + stderr;
}

/** What the fixture consumer.mjs prints, as far as the test takes it apart. */
interface Seen extends Readonly<Record<string, unknown>> {
  readonly imported: Readonly<Record<"before" | "after", readonly number[]>>;
  readonly backup: { readonly run: string };
  readonly afterAbort: { readonly runs: readonly { readonly run: string }[] };
  readonly verified: { readonly checks: readonly { readonly id: string }[] };
  readonly pruned: { readonly runs: readonly unknown[] };
}

describe("the library", () => {
  const fixture = (name: string): string => join(PROJECT, "test/fixtures/library", name);

  /** The examples of the documentation, each as a file. */
  function examples(): string[] {
    const pages = ["README.md", ...readdirSync(join(PROJECT, "docs")).map((name) => `docs/${name}`)];
    const blocks = pages
      .filter((page) => page.endsWith(".md"))
      .flatMap((page) => [...readFileSync(join(PROJECT, page), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)]);
    return blocks.map(([, text = ""], at) => {
      writeFileSync(join(elsewhere, `example-${at}.mts`), text);
      return `example-${at}.mts`;
    });
  }

  test.each([
    { module: "nodenext", moduleResolution: "nodenext" },
    { module: "esnext", moduleResolution: "bundler" },
  ])("has types without any, and so compile the examples of the documentation: $moduleResolution", (options) => {
    cpSync(fixture("every-method.ts"), join(elsewhere, "every-method.mts"));
    const shown = examples();
    expect(shown.length).toBeGreaterThanOrEqual(3);
    expect(compile(["every-method.mts", ...shown], options)).toBe("");
  });

  test("backs up, is aborted, resumes, verifies, restores and prunes", { timeout: LIMIT_MS }, async () => {
    const site = join(directory, "library");
    mkdirSync(join(site, "www"), { recursive: true });
    writeFileSync(join(site, "www/a.txt"), "a\n");
    const config = join(site, "site.yaml");
    writeFileSync(config, `site: wiki\nroot: ${site}/www\ndest: ${site}/store\ntrees: [.]\n`);
    cpSync(fixture("consumer.mjs"), join(elsewhere, "consumer.mjs"));
    const argv = [process.execPath, join(elsewhere, "consumer.mjs"), config, join(site, "restored")];
    const ran = await startProgram(argv, { cwd: elsewhere, env }).done;
    expect(ran, ran.stderr).toMatchObject({ code: 0, stderr: "" });
    const seen = JSON.parse(ran.stdout) as Seen;
    expect(seen.imported.after).toEqual(seen.imported.before);

    const { run } = seen.backup;
    expect(seen.backup).toMatchObject({ status: "complete", units: 1, path: join(site, "store/runs", run) });
    expect(seen["events"]).toEqual(expect.arrayContaining(["run_started", "unit_ended", "step_ended", "run_ended"]));
    expect(seen["manifest"]).toBe(run);

    expect(seen["aborted"]).toMatchObject({ code: "E_INTERRUPTED", exitCode: 130, isHoldfastError: true });
    const interrupted = seen.afterAbort.runs[0]?.run;
    expect(seen.afterAbort).toEqual({
      locked: false,
      runs: [
        { run: interrupted, status: "interrupted", latest: false },
        { run, status: "complete", latest: true },
      ],
    });
    expect(seen["resumed"]).toMatchObject({ run: interrupted, status: "complete" });
    execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: join(site, "store/latest") });

    expect(seen.verified).toMatchObject({ run, ok: true, error_count: 0 });
    expect(seen["checks"]).toEqual(seen.verified.checks.map(({ id }) => id));
    expect(seen["restored"]).toMatchObject({ run, missing: [], kept: false });
    expect(seen.pruned).toMatchObject({ dry_run: true, blocked: null });
    expect(seen.pruned.runs).toHaveLength(2);
    expect(seen["found"]).toEqual(["a.txt"]);

    expect(seen["unconfirmed"]).toMatchObject({ code: "E_CONFIRM", isHoldfastError: true });
    expect(seen["unknown"]).toMatchObject({ code: "E_RUN_UNKNOWN", exitCode: 1, isHoldfastError: true });
    expect(seen["invalid"]).toMatchObject({ code: "E_USAGE", exitCode: 2 });
    expect(seen["crossed"]).toMatchObject({ code: "E_USAGE" });
    expect(seen["exits"]).toMatchObject({ ok: 0, partial: 3 });
  });
});
