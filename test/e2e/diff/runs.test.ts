/** `diff`: two runs, and a run with the site; what is listed is what was done, by python's csv too. */
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { backUp, rest, stateOf } from "../../support/runs/backup.ts";
import { COMPILED, makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

interface Difference {
  kind: string;
  change: string;
  step: string;
  unit: string;
  name: string | null;
  was: number | null;
  now: number | null;
  what: string;
}

let site: TestSite;
let [first, second, third] = ["", "", ""];
const ODD = 'a, "quoted"\nname.txt';
/** As paths are shown. */
const SHOWN = ODD.replace("\n", "\\n");

const run = async (...args: string[]) => await runInProcess("diff", [...args, "--dest", site.dest]);

async function differences(code: number, ...args: string[]): Promise<string[]> {
  const result = await run(...args, "--json");
  expect(result.code, result.stderr).toBe(code);
  const summary = result.json.at(-1) as { equal: boolean; differences: Difference[] };
  expect(summary.equal).toBe(code === 0);
  return summary.differences.map(shown).toSorted();
}

const shown = ({ kind, change, step, unit, name, what }: Difference): string =>
  [change, kind, `${step}/${unit}`, name, what].filter((part) => part !== null && part !== "").join(" ");

beforeAll(async () => {
  site = makeSite(suiteDirectory(), {
    projects: 4,
    config: {
      projects: `projects:
  query: select id, internal_id from clara_app_claraproject
  source: { path: "clara_content/{internal_id}" }
${COMPILED}`,
      legacy: "legacy: { path: lara_legacy, tgz_above_mb: 0 }",
      trees: "trees: [files, { path: shards, shard_above_mb: 0 }]",
      database: "database: { url: sqlite:///db.sqlite3, digests: true }",
    },
  });
  site.write("files/kept.txt", "kept\n");
  site.write("files/changed.txt", "old\n");
  site.write("shards/kept.txt", "kept\n");
  site.write("shards/gone.txt", "gone\n");
  await rest();
  first = (await backUp(site)).run;
  second = (await backUp(site)).run;
  site.write(`clara_content/Project_1/texts/${ODD}`, "a new one\n");
  site.write("clara_content/Project_1/texts/text 1.txt", "other\n");
  rmSync(join(site.root, "clara_content/Project_4"), { recursive: true });
  rmSync(join(site.root, "clara_compiled/2/plain.html"));
  appendFileSync(join(site.root, "files/changed.txt"), "new\n");
  rmSync(join(site.root, "shards/gone.txt"));
  site.write("shards/new.txt", "new\n");
  site.sql(`delete from clara_app_claraproject where id = 4;
    update auth_user set username = 'berta';
    create table added (id integer primary key);
    insert into django_migrations values (2, 'clara_app', '0002_added', '2026-02-01 00:00:00')`);
  writeFileSync(join(site.root, "app/.env"), "DEBUG=True\nSECRET_KEY=a-secret-of-the-test-site-0123456789\n");
  await rest();
  third = (await backUp(site)).run;
}, 120_000);

const CHANGES = [
  "added migration db/db.sqlite3 clara_app.0002_added",
  "added table db/db.sqlite3 added",
  "changed setting infra/infra infra/.env.sample content",
  "changed table db/db.sqlite3 auth_user digest",
  "changed table db/db.sqlite3 clara_app_claraproject rows",
  "changed table db/db.sqlite3 django_migrations rows",
  "changed unit compiled_exports/2 content",
  "changed unit source_exports/1 content",
  "changed unit trees/files content",
  "changed unit trees/shards content",
  "removed unit source_exports/4",
  `added file source_exports/1 clara_content/Project_1/texts/${SHOWN}`,
  "changed file source_exports/1 clara_content/Project_1/texts/text 1.txt size",
  "removed file compiled_exports/2 clara_compiled/2/plain.html",
  "added file trees/shards shards/new.txt",
  "removed file trees/shards shards/gone.txt",
];

describe("two runs", () => {
  test("of an unchanged site are equal, and so is a run and itself", async () => {
    expect(await differences(0, first, second)).toEqual([]);
    expect(await differences(0, "latest", third)).toEqual([]);
    expect((await run(first, second)).stdout).toContain("are equal");
  });

  test("of a changed site differ in what was changed, and nothing of the store changes", async () => {
    const before = stateOf(join(site.dest, "runs"));
    expect(await differences(3, first, third)).toEqual(CHANGES.toSorted());
    expect(stateOf(join(site.dest, "runs"))).toBe(before);
  });

  test("with --files, files in a tgz without a list are compared as well", async () => {
    expect(await differences(3, second, third, "--files")).toEqual(
      [...CHANGES, "changed file trees/files files/changed.txt size"].toSorted(),
    );
  });

  test("give the same in the other direction, with added and removed exchanged", async () => {
    const flipped = CHANGES.map((line) =>
      line.replace(/^(added|removed)/, (word) => (word === "added" ? "removed" : "added")),
    );
    expect(await differences(3, third, first)).toEqual(flipped.toSorted());
  });

  test("as CSV are what they are as JSON, as python reads it", async () => {
    const { stdout, code } = await run(first, third, "--csv");
    expect(code).toBe(3);
    const script = "import csv, json, sys; print(json.dumps(list(csv.DictReader(sys.stdin, strict=True))))";
    const rows = JSON.parse(execFileSync(PYTHON, ["-c", script], { input: stdout, encoding: "utf8" })) as Record<
      string,
      string
    >[];
    const json = (await run(first, third, "--json")).json.at(-1) as { differences: Difference[] };
    expect(rows).toEqual(
      json.differences.map((one) =>
        Object.fromEntries(Object.entries(one).map(([key, value]) => [key, String(value ?? "")])),
      ),
    );
  });

  test("as text have a line each, with sizes and rows", async () => {
    const { stdout } = await run(first, third);
    expect(stdout).toMatch(/source_exports +4 → 3 units/);
    expect(stdout).toMatch(/~ table +db\/db\.sqlite3 clara_app_claraproject {2}4 → 3 rows, rows/);
    expect(stdout).toMatch(/16 differences between/);
  });

  test("are refused where one is missing, unknown, or damaged", async () => {
    expect((await run(first)).code).toBe(2);
    expect((await run(first, "20200101T000000Z")).code).toBe(1);
    expect((await run(first, third, "--live", "--config", site.config)).code).toBe(2);
  });
});

describe("a run and the site", () => {
  const live = ["--live", "--config"];

  test("are equal just after the run", async () => {
    expect(await differences(0, third, ...live, site.config)).toEqual([]);
  });

  test("of before differ in what was changed since", async () => {
    const before = stateOf(site.root);
    const found = await differences(3, first, ...live, site.config);
    expect(found).toEqual(expect.arrayContaining(CHANGES.toSorted()));
    expect(found.filter((line) => !CHANGES.includes(line))).toEqual([]);
    expect(stateOf(site.root)).toBe(before);
  });

  test("new units of the site are named", async () => {
    mkdirSync(join(site.root, "lara_legacy/New book"));
    site.write("lara_legacy/New book/page.html", "new\n");
    chmodSync(join(site.root, "files/kept.txt"), 0o600);
    expect(await differences(3, third, ...live, site.config, "--files")).toEqual(["added unit legacy_zips/New book"]);
  });
});
