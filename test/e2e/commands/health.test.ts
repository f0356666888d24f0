/** `health` of a site that works, and of sites with one thing wrong each. */
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../../lib/config/load.ts";
import { checkHealth, type Health, type HealthCheck } from "../../../lib/ops/health/run.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const { signal } = new AbortController();
const wanted = (...names: string[]): string => `, migrations_wanted: [printf, "[X] %s\\n", ${names.join(", ")}]`;
const database = (more: string): string => `database: { url: "sqlite:///db.sqlite3"${more} }`;

const directory = suiteDirectory();
let site: TestSite;

beforeAll(async () => {
  site = makeSite(directory, { projects: 2, config: { database: database(wanted("clara_app.0001_initial")) } });
  const { code, stderr } = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest]);
  if (code !== 0) throw new Error(stderr);
});

async function health(one: TestSite, store: string | undefined, maxAge = 26): Promise<Health> {
  return await checkHealth({ config: loadConfig(one.config, process.env), store, maxAge }, { signal });
}

const find = ({ checks }: Health, id: string): HealthCheck | undefined => checks.find((check) => check.id === id);
const newSite = (config: Record<string, string>): TestSite => makeSite(tempDirectory(), { projects: 2, config });

describe("health", () => {
  test("of a site that works: exit 0, a line for each check, and what is not configured is not proved", async () => {
    const { code, stdout } = await runInProcess("health", ["--config", site.config, "--dest", site.dest]);
    expect(stdout).toMatch(/^✓ database +db\.sqlite3: sqlite /m);
    expect(stdout).toMatch(/^✓ migrations /m);
    expect(stdout).toMatch(/^✓ projects +2 projects$/m);
    expect(stdout).toMatch(/^✓ latest run +\d{8}T\d{6}Z, complete, /m);
    expect(stdout).toMatch(/^\? application +not proved: health\.smoke is not configured$/m);
    expect(stdout).toMatch(/is healthy: 8 checks, 1 not proved$/m);
    expect(code).toBe(0);
  });

  test("of one that does not: exit 13, and what is wrong as JSON", async () => {
    const bad = newSite({ health: "health: { smoke: ['false'] }" });
    rmSync(path.join(bad.root, "clara_content/Project_2"), { recursive: true });
    const { code, json } = await runInProcess("health", ["--config", bad.config, "--dest", site.dest, "--json"]);
    expect(code).toBe(13);
    expect(json.slice(0, -1)).toEqual([
      expect.objectContaining({ during: "health", check: "projects", item: "2" }),
      expect.objectContaining({ during: "health", check: "application" }),
    ]);
    expect(json.at(-1)).toMatchObject({ message_type: "summary", ok: false, error_count: 2 });
  }, 60_000);

  test("a database that does not answer, and what hangs on it", async () => {
    const bad = newSite({ database: 'database: { url: "sqlite:///none.db" }' });
    const found = await health(bad, site.dest);
    expect(find(found, "database")).toMatchObject({ state: "failed" });
    expect(find(found, "rows")).toMatchObject({ state: "not proved" });
    expect(find(found, "migrations")).toMatchObject({ state: "not proved" });
    expect(find(found, "projects")).toMatchObject({ state: "failed" });
  });

  test("migrations that the code has and the database has not, and the reverse", async () => {
    const older = newSite({ database: database(wanted("clara_app.0001_initial", "clara_app.0002_more")) });
    expect(find(await health(older, undefined), "migrations")).toMatchObject({
      state: "failed",
      problems: [{ message: "clara_app.0002_more still to run" }],
    });
    const newer = newSite({ database: database(wanted("other.0001_initial")) });
    expect(find(await health(newer, undefined), "migrations")?.problems.map(({ message }) => message)).toEqual([
      "other.0001_initial still to run",
      "the code does not know clara_app.0001_initial",
    ]);
  });

  test("a missing directory that is accepted is counted, and no failure", async () => {
    const accepted = newSite({
      accepted_failures:
        "accepted_failures: [{ step: source_exports, unit: '2', code: E_MISSING, reason: lost, until: 2099-01-01 }]",
    });
    rmSync(path.join(accepted.root, "clara_content/Project_2"), { recursive: true });
    expect(find(await health(accepted, undefined), "projects")).toMatchObject({
      state: "ok",
      figure: "2 projects, 1 accepted as missing",
    });
  });

  test("a newest run that is too old, one that is partial, none, another site's, and no store", async () => {
    expect(find(await health(site, site.dest, 1e-7), "latest_run")).toMatchObject({ state: "failed" });
    expect(find(await health(site, path.join(directory, "nowhere")), "latest_run")).toMatchObject({ state: "failed" });
    expect(find(await health(site, undefined), "latest_run")).toMatchObject({ state: "not proved" });
    expect(find(await health(site, undefined), "store_disk")).toMatchObject({ state: "not proved" });
    const other = newSite({ site: "site: other" });
    expect(find(await health(other, site.dest), "latest_run")?.problems[0]?.message).toMatch(
      /belongs to the site test$/,
    );
    const partial = newSite({});
    rmSync(path.join(partial.root, "clara_content/Project_2"), { recursive: true });
    const { code } = await runInProcess("backup_all", ["--config", partial.config, "--dest", partial.dest]);
    expect(code).toBe(3);
    expect(find(await health(partial, partial.dest), "latest_run")?.problems[0]?.message).toBe(
      "is partial: 1 unit failed",
    );
  });

  test("without a config it says what is missing", async () => {
    const { code, stderr } = await runInProcess("health", ["--config", path.join(directory, "none.yaml")]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("none.yaml")]);
    writeFileSync(path.join(directory, "empty.yaml"), "");
    expect((await runInProcess("health", ["--config", site.config, "--max-age", "x"])).code).toBe(2);
  });
});
