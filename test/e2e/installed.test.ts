/** The package: packed from the sources, installed in an empty directory elsewhere, and used there. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { PROJECT, startProgram, type RunResult } from "../support/commands/run.ts";
import { suiteDirectory } from "../support/temp.ts";

const LIMIT_MS = 300_000;

const directory = suiteDirectory("holdfast-installed-");
let elsewhere: string;
let env: Record<string, string | undefined>;

/** Runs a program of the installed package. */
const holdfast = async (...args: readonly string[]): Promise<RunResult> =>
  await startProgram(["npx", "--no-install", "holdfast", ...args], { cwd: elsewhere, env }).done;

/** The packages that package.json names for use and what these need, as this checkout has them: nothing is downloaded. */
function installedForUse(): string[] {
  const list = ["ls", "--omit=dev", "--all", "--parseable"];
  const [, ...paths] = execFileSync("npm", list, { cwd: PROJECT, encoding: "utf8" }).trim().split("\n");
  const names = paths.map((path) => relative(PROJECT, path)).toSorted();
  return names.filter((name) => !names.some((outer) => name.startsWith(`${outer}/`)));
}

/** Packs a copy of the sources as they are, built by `prepare` as for a release, and installs the tarball. */
beforeAll(() => {
  const [source, packed] = [join(directory, "source"), join(directory, "packed")];
  elsewhere = join(directory, "elsewhere");
  for (const path of [packed, elsewhere]) mkdirSync(path);
  env = { XDG_STATE_HOME: join(directory, "state"), npm_config_update_notifier: "false" };
  const git = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", git, { cwd: PROJECT, encoding: "utf8" }).split("\0");
  for (const file of files.filter((one) => !one.startsWith("test/") && existsSync(join(PROJECT, one)) && one !== "")) {
    mkdirSync(dirname(join(source, file)), { recursive: true });
    cpSync(join(PROJECT, file), join(source, file));
  }
  symlinkSync(join(PROJECT, "node_modules"), join(source, "node_modules"));
  const quiet = { stdio: "pipe", env: { ...process.env, ...env } } as const;
  execFileSync("npm", ["pack", "--pack-destination", packed], { ...quiet, cwd: source });
  const [tarball = ""] = readdirSync(packed);
  expect(tarball).toMatch(/^holdfast-\d.*\.tgz$/);
  for (const name of installedForUse()) cpSync(join(PROJECT, name), join(elsewhere, name), { recursive: true });
  // Offline: what package.json does not name would not be there.
  const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", join(packed, tarball)];
  execFileSync("npm", install, { ...quiet, cwd: elsewhere });
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
