/** `drill` on real runs: what restores is proved, what does not is found, and neither the site nor anything else is touched. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DrillEvidence, DrillOutcome } from "../../../lib/ops/drill/run.ts";
import { runBuilt, startBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, makeTemp, removeTree, tempDirectory } from "../../support/temp.ts";

const directory = suiteDirectory();
let site: TestSite;
let runs: string[];

beforeAll(async () => {
  site = makeSite(directory, { projects: 3, audioFiles: 6, config: { drill: DRILL } });
  await backup(site);
  site.write("audio/tts_repository_orm/google/french/voice_1/later.mp3", "a later layer");
  site.write("clara_content/Project_1/texts/later.txt", "later");
  await backup(site);
  runs = readdirSync(path.join(site.dest, "runs")).toSorted();
});

const DRILL = `drill:
  compile: [sh, -c, 'test "$HOLDFAST_SANDBOX" = "$0" && test -d "$0/clara_content/Project_$1"', "{root}", "{id}"]
  smoke: [sh, -c, 'test -f "$0/lara_legacy/loose file.txt" && test -n "$1"', "{root}", "{database_url}"]`;

async function backup({ config, dest }: TestSite, env: Record<string, string> = {}): Promise<void> {
  const result = await runInProcess("backup_all", ["--config", config, "--dest", dest], { env });
  if (result.code !== 0) throw new Error(result.stderr);
}

interface Drilled extends RunResult {
  readonly summary: DrillOutcome;
  /** What the drill left in its temporary directory. */
  readonly left: string[];
}

async function drill(store: string, args: readonly string[], temporary = tempDirectory()): Promise<Drilled> {
  const result = await runInProcess("drill", ["--dest", store, "--sandbox", temporary, "--json", ...args]);
  const summary = result.json.at(-1) as DrillOutcome & { message_type: string };
  if (summary?.message_type !== "summary") throw new Error(`${result.stdout}\n${result.stderr}`);
  return { ...result, summary, left: readdirSync(temporary) };
}

const states = (evidence: DrillEvidence | undefined): Record<string, string> =>
  Object.fromEntries((evidence?.checks ?? []).map(({ id, state }) => [id, state]));

/** Everything of a tree: names, types, modes, owners, times, sizes and contents. */
function snapshot(tree: string): string {
  const list = execFileSync("find", [tree, "-printf", "%p %y %m %U %G %s %T@ %C@ %l\\n"], { encoding: "utf8" });
  const sums = execFileSync("sh", ["-c", 'find "$0" -type f -print0 | sort -z | xargs -0 sha256sum', tree]);
  return createHash("sha256").update(list.split("\n").toSorted().join("\n")).update(sums).digest("hex");
}

const copyOfStore = (): string => {
  const store = path.join(tempDirectory(), "store");
  cpSync(site.dest, store, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  return store;
};

function damage(store: string, run: string, file: string): void {
  const artifact = path.join(store, "runs", run, file);
  const data = readFileSync(artifact);
  data.writeUInt8(data.readUInt8(data.length >> 1) ^ 1, data.length >> 1);
  rmSync(artifact);
  writeFileSync(artifact, data);
}

describe("a sound run", () => {
  test("restores: every check but the unknown is ok, the site and the runs stay as they are, nothing is left", async () => {
    const before = [snapshot(site.root), snapshot(path.join(site.dest, "runs"))];
    const { code, summary, left } = await drill(site.dest, ["--config", site.config]);
    const [evidence] = summary.drills;
    expect(states(evidence)).toEqual({
      run: "ok",
      checksums: "ok",
      unpack: "ok",
      trees: "ok",
      sqlite: "ok",
      rows: "ok",
      migrations: "not proved",
      compilation: "ok",
      application: "ok",
    });
    expect({ code, ok: summary.ok, left }).toEqual({ code: 0, ok: true, left: [] });
    expect([snapshot(site.root), snapshot(path.join(site.dest, "runs"))]).toEqual(before);
    expect(readdirSync(path.join(site.dest, "pins"))).toEqual([]);
  });

  test("leaves evidence: phases, their sum as the time to restore, and the digest of SHA256SUMS", async () => {
    const store = copyOfStore();
    await drill(store, []);
    const [run = ""] = runs.slice(-1);
    const [file = ""] = readdirSync(path.join(store, "evidence", run));
    const evidence = JSON.parse(readFileSync(path.join(store, "evidence", run, file), "utf8")) as DrillEvidence;
    const { clean = 0, ...rest } = evidence.phases;
    expect(Object.keys(rest)).toEqual(["verify", "unpack", "load", "compare", "compile", "smoke"]);
    expect(clean).toBeGreaterThanOrEqual(0);
    expect(evidence.rto_ms).toBe(Object.values(rest).reduce((sum, ms) => sum + ms, 0));
    const sums = readFileSync(path.join(store, "runs", run, "SHA256SUMS"));
    expect(evidence.sums_sha256).toBe(createHash("sha256").update(sums).digest("hex"));
  });

  test("without a config proves nothing of the application, says so, and fails with --strict only", async () => {
    const result = await runInProcess("drill", ["--dest", site.dest, "--sandbox", tempDirectory()]);
    expect(result.stdout).toMatch(/not proved: migrations, compilation, application/);
    expect(result.code).toBe(0);
    expect((await drill(site.dest, ["--strict"])).code).toBe(13);
  });

  test("is drilled by another user than root with the owners that the archives name", async () => {
    const store = copyOfStore();
    execFileSync("chmod", ["-R", "a+rwX", path.dirname(store)]);
    const result = await runBuilt("drill", ["--dest", store, "--json"], { user: "nobody" });
    const { drills } = result.json.at(-1) as DrillOutcome;
    expect(states(drills[0])).toMatchObject({ trees: "ok", rows: "ok" });
    expect(result.code).toBe(0);
  });

  test("each since a day is drilled in turn", async () => {
    const { summary } = await drill(site.dest, ["--all-since", (runs[0] ?? "").slice(0, 8)]);
    expect(summary.drills.map(({ run }) => run)).toEqual(runs);
  });
});

describe("a damaged run", () => {
  test("a flipped bit is 13, and the earlier run that does restore is named", async () => {
    const store = copyOfStore();
    damage(store, runs[1] ?? "", "source_exports/1/source.zip");
    const { code, summary, left } = await drill(store, []);
    expect(code).toBe(13);
    expect(summary.drills[0]?.checks.find(({ state }) => state === "failed")?.id).toBe("checksums");
    expect(summary.restorable).toBe(runs[0]);
    expect(left).toEqual([]);
    expect((await drill(store, ["--no-search"])).summary.drills).toHaveLength(1);
  });

  test("a failing smoke command of the drill is 13", async () => {
    const config = path.join(tempDirectory(), "site.yaml");
    const text = readFileSync(site.config, "utf8").replace("root: site", `root: ${site.root}`);
    writeFileSync(config, text.replace(/ {2}smoke: .*/, '  smoke: ["false"]'));
    const { code, summary } = await drill(site.dest, ["--config", config, "--no-search"]);
    expect(code).toBe(13);
    expect(states(summary.drills[0])).toMatchObject({ trees: "ok", application: "failed" });
  });
});

describe("a drill that is ended", () => {
  const slow = (): string => {
    const config = path.join(tempDirectory(), "site.yaml");
    const text = readFileSync(site.config, "utf8").replace("root: site", `root: ${site.root}`);
    writeFileSync(config, text.replace(/ {2}smoke: .*/, "  smoke: [sleep, '60']"));
    return config;
  };

  async function until(found: () => boolean): Promise<void> {
    for (let attempt = 0; !found() && attempt < 300; attempt++)
      await new Promise((resolve) => setTimeout(resolve, 100));
  }

  const atSmoke = (temporary: string): boolean =>
    readdirSync(temporary).some((name) => existsSync(path.join(temporary, name, "site/lara_legacy")));

  test("by SIGINT cleans up and exits 130; killed outright, the next one cleans up after it", async () => {
    const temporary = tempDirectory();
    const args = ["--dest", site.dest, "--sandbox", temporary, "--config", slow(), "--quiet"];
    const interrupted = startBuilt("drill", args);
    await until(() => atSmoke(temporary));
    interrupted.child.kill("SIGINT");
    expect((await interrupted.done).code).toBe(130);
    expect(readdirSync(temporary)).toEqual([]);

    const killed = startBuilt("drill", args);
    await until(() => atSmoke(temporary));
    killed.child.kill("SIGKILL");
    await killed.done;
    expect(readdirSync(temporary)).toHaveLength(1);
    expect((await drill(site.dest, [], temporary)).left).toEqual([]);
  });
});

describe.each([
  ["PostgreSQL", acquirePostgres],
  ["MariaDB", acquireMariadb],
] as const)("a site on %s", (_name, start) => {
  let server: TestServer;
  let home: string;
  let own: TestSite;

  beforeAll(async () => {
    server = await start();
    await server.sql(`create table clara_app_claraproject (id integer primary key, internal_id varchar(100), title varchar(100), l2 varchar(9), l1 varchar(9), user_id integer);
      create table auth_user (id integer primary key, username varchar(100));
      insert into auth_user values (1, 'anna');
      insert into clara_app_claraproject values (1, 'Project_1', 'One', 'fr', 'en', 1), (2, 'Project_2', 'Two', 'fr', 'en', 1);`);
    if (server.url.startsWith("postgresql"))
      await server.sql("alter table clara_app_claraproject owner to clara; alter table auth_user owner to clara");
    home = makeTemp();
    writeFileSync(path.join(home, "password"), server.password, { mode: 0o600 });
    const database = `database: { url: "${server.url}", password_file: ${path.join(home, "password")} }`;
    own = makeSite(home, { projects: 2, config: { database, drill: DRILL } });
    rmSync(own.database);
    await backup(own);
  });

  afterAll(async () => {
    await server.release();
    removeTree(home);
  });

  test("is loaded into a private server and compared, and the live one is not asked", async () => {
    const { code, summary } = await drill(own.dest, ["--config", own.config]);
    expect(states(summary.drills[0])).toMatchObject({ load: "ok", rows: "ok", trees: "ok", application: "ok" });
    expect(code).toBe(0);
  });

  test("is loaded into scratch databases of a named server, which are dropped", async () => {
    const list = async (): Promise<string> =>
      await server.sql(
        server.url.startsWith("postgresql") ? "select datname from pg_database order by 1" : "show databases",
      );
    const before = await list();
    const { code, stdout } = await drill(own.dest, ["--database", server.superuserUrl]);
    expect(code).toBe(0);
    expect(stdout).not.toContain(server.superuserPassword);
    expect(await list()).toBe(before);
  });

  test("a server that does not answer says nothing about the run: an error, and no verdict", async () => {
    const nobody = server.superuserUrl.replace(/:\d+\//, ":1/");
    await expect(drill(own.dest, ["--database", nobody])).rejects.toThrow('"error_code":"E_DATABASE"');
  });

  test("a dump whose rows are not those of the record is 13", async () => {
    const store = path.join(tempDirectory(), "store");
    cpSync(own.dest, store, { recursive: true, verbatimSymlinks: true });
    const run = path.join(store, "latest");
    const [unit = ""] = readdirSync(path.join(run, "db"), { withFileTypes: true }).flatMap((one) =>
      one.isDirectory() ? one.name : [],
    );
    const file = `db/${unit}/metadata.json`;
    const changed = readFileSync(path.join(run, file), "utf8").replace(/"rows": 2/, '"rows": 3');
    writeFileSync(path.join(run, file), changed);
    const sum = createHash("sha256").update(changed).digest("hex");
    const sums = readFileSync(path.join(run, "SHA256SUMS"), "utf8");
    writeFileSync(path.join(run, "SHA256SUMS"), sums.replace(new RegExp(`^[0-9a-f]{64}(?=  ${file}$)`, "m"), sum));
    const { code, summary } = await drill(store, ["--no-search"]);
    expect(code).toBe(13);
    expect(states(summary.drills[0])).toMatchObject({ checksums: "ok", rows: "failed" });
  });
});

test("--strict passes for a site without projects whose config says how the application is tried", async () => {
  const base = makeTemp();
  try {
    const root = path.join(base, "site");
    execFileSync("sh", ["-c", 'mkdir -p "$0/uploads" && echo a > "$0/uploads/a" && sqlite3 "$0/app.db" "create table t (x); insert into t values (1)"', root]); // prettier-ignore
    const config = path.join(base, "site.yaml");
    const text = (smoke: string): string =>
      `site: s\nroot: ${root}\ndest: ${base}/store\ndatabase: { url: "sqlite:///app.db", digests: true }\ntrees: [., uploads]\n${smoke}`;
    writeFileSync(config, text(""));
    expect((await runInProcess("backup_all", ["--config", config])).code).toBe(0);
    const store = path.join(base, "store");
    // The application was not tried.
    expect((await drill(store, ["--config", config, "--strict"])).code).toBe(13);
    writeFileSync(config, text('drill: { smoke: [test, -f, "{root}/uploads/a"] }\n'));
    const { code, summary } = await drill(store, ["--config", config, "--strict"]);
    expect([code, states(summary.drills[0])]).toMatchObject([0, { migrations: "ok", application: "ok" }]);
  } finally {
    removeTree(base);
  }
});
