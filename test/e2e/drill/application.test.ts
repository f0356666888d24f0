/** The commands of a drill: what they print is kept, and they reach the sandbox's database, not the live one, under the common names. */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { DrillOutcome } from "../../../lib/ops/drill/run.ts";
import { runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { runSql } from "../../support/sqlite.ts";
import { suiteDirectory } from "../../support/temp.ts";

const directory = suiteDirectory("holdfast-drill-application-");
let store: string;
let config: string;

const SMOKE = `for i in 1 2 3 4 5; do echo "line $i"; done; echo "on stderr" >&2; echo "url=$DATABASE_URL"; env | grep -c "live-host" || true; test -n "$PATH"`;

beforeAll(async () => {
  store = join(directory, "store");
  config = join(directory, "site.yaml");
  mkdirSync(join(directory, "site/media"), { recursive: true });
  writeFileSync(join(directory, "site/media/a.txt"), "a");
  runSql(join(directory, "site/db.sqlite3"), "create table t (a); insert into t values (1), (2)");
  writeFileSync(
    config,
    [
      "site: s",
      `root: ${directory}/site`,
      `dest: ${store}`,
      "database: { url: 'sqlite:///db.sqlite3', digests: true, migrations_wanted: [echo, '[]'] }",
      "snapshots: { media: [media] }",
      `drill: { smoke: [sh, -c, ${JSON.stringify(SMOKE)}] }`,
      `health: { smoke: [sh, -c, "echo one; echo two; exit 1"] }`,
    ].join("\n"),
  );
  const { code, stderr } = await runInProcess("backup_all", ["--config", config]);
  if (code !== 0) throw new Error(stderr);
});

const drill = async (...args: string[]) => {
  const env = {
    DATABASE_URL: "postgresql://live-host/live",
    PGHOST: "live-host",
    MYSQL_HOST: "live-host",
    DB_HOST: "live-host",
    CLARA_DATABASE_HOST: "live-host",
  };
  const result = await runBuilt("drill", ["--config", config, "--sandbox", directory, "--json", ...args], { env });
  return { ...result, summary: result.json.at(-1) as DrillOutcome };
};
const checkOf = ({ drills }: DrillOutcome, id: string) => drills[0]?.checks.find((one) => one.id === id);

test("the smoke command sees the sandbox's database alone, and all that it prints is in the evidence", async () => {
  const { summary } = await drill();
  const check = checkOf(summary, "application");
  expect(check?.state).toBe("ok");
  expect(check?.output).toMatch(
    /^line 1\nline 2\nline 3\nline 4\nline 5\nurl=sqlite:\/\/\/\/\S+db\.sqlite3\n0\non stderr$/,
  );
  expect(check?.output).toContain(`url=sqlite:///${directory}/`);
  const evidence = join(store, "evidence", readlinkSync(join(store, "latest")).replace("runs/", ""));
  const [file = ""] = readdirSync(evidence).filter((name) => name.startsWith("drill-"));
  expect(readFileSync(join(evidence, file), "utf8")).toContain("line 1\\nline 2");
});

test("a site without projects has nothing to compile; digests of SQLite are compared", async () => {
  const { summary } = await drill();
  expect(checkOf(summary, "compilation")).toBeUndefined();
  expect(checkOf(summary, "digests")).toMatchObject({ state: "ok", figure: "1 table" });
  expect(summary.drills[0]?.not_proved).not.toContain("compilation");
});

test("all that the smoke command of health prints is shown", async () => {
  const { json, code } = await runInProcess("health", ["--config", config, "--json"]);
  expect(code).toBe(13);
  const { checks } = json.at(-1) as { checks: { id: string; output?: string }[] };
  expect(checks.find(({ id }) => id === "application")?.output).toBe("one\ntwo");
});
