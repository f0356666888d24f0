/** All that `check` promises to show, as text and as JSON; and what it says of values is what the import then does. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXPORT_VERSION } from "../../../../lib/portable/format/documents.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { exportOf, refusal } from "../../../support/portable/script.ts";
import { tempDirectory } from "../../../support/temp.ts";

const { make } = useEngines();

const MIGRATIONS =
  "create table django_migrations (id integer not null primary key, app varchar(255), name varchar(255), applied varchar(40));";
const migration = (id: number, name: string): string =>
  `insert into django_migrations values (${id}, 'shop', '${name}', '2026-01-01');`;
const TABLES =
  "create table kind (name varchar(20) not null primary key); create table item (name varchar(20) not null primary key, kind varchar(20), foreign key (kind) references kind (name));";
const ROWS = "insert into kind values ('a'), ('b'); insert into item values ('x', 'a');"; // prettier-ignore

const check = async (...args: readonly string[]) => {
  const text = await runInProcess("portable", ["check", ...args]);
  const told = await runInProcess("portable", ["check", ...args, "--json"]);
  expect([told.code, told.json]).toEqual([text.code, [expect.objectContaining({ message_type: "summary" })]]);
  return { code: text.code, text: text.stdout, json: told.json[0] };
};

/** The lines of a section, without the bars. */
const section = (text: string, title: string): string[] =>
  (new RegExp(`^=+\\n${title}\\n=+\\n((?:[^=\\n].*\\n)*)`, "m").exec(text)?.[1] ?? "").trimEnd().split("\n");

test("every item is shown, as text and as JSON, on each engine", async () => {
  const source = await make("PostgreSQL", MIGRATIONS + migration(1, "0001_initial") + TABLES + ROWS);
  const output = join(tempDirectory(), "e");
  expect(await refusal("export", "--database", source, "-o", output, "--no-timestamp", "--source-name", "Shop", "--source-url", "https://shop.example")).toBe("");
  for (const [name, engine, applied, code] of [
    ["PostgreSQL", "postgresql", ["0001_initial"], 0],
    ["MariaDB", "mariadb", ["0001_initial", "0002_more"], 3],
    ["SQLite", "sqlite", [], 3],
  ] as const) {
    const url = await make(name, MIGRATIONS + applied.map((one, at) => migration(at + 1, one)).join("") + TABLES);
    const report = await check(output, "--database", url, "--models", "kind");
    expect(report.code).toBe(code);
    const status = code === 0 ? "COMPATIBLE" : "COMPATIBLE_WITH_WARNINGS";
    const last = (list: readonly string[]): string => (list.length === 0 ? "none (0 migrations, Django)" : `shop.${list.at(-1)} (${list.length} ${list.length === 1 ? "migration" : "migrations"}, Django)`);
    const items = (lines: readonly string[]): Record<string, string> => Object.fromEntries(lines.map((line) => line.split(/: +/, 2) as [string, string]));
    const database = expect.stringMatching(/^postgresql 1\d/) as string;
    expect(items(section(report.text, "EXPORT INFORMATION"))).toEqual({
      Path: output, "Export Version": EXPORT_VERSION, "Export Format": "holdfast-portable", Created: expect.stringMatching(/^2\d{3}-.*Z$/) as string,
      "Source Portal": "Shop", "Source URL": "https://shop.example", Database: database, "Schema Version": last(["0001_initial"]),
    });
    expect(items(section(report.text, "CURRENT INSTANCE"))).toEqual({
      "Export Version": EXPORT_VERSION, Database: expect.stringMatching(new RegExp(`^${engine} \\d`)) as string, "Schema Version": last(applied),
    });
    expect(section(report.text, "COMPATIBILITY CHECK")[0]).toBe(`Status: ${status}`);
    expect(section(report.text, "CONFIGURATION")[0]).toMatch(/^Not compared: /);
    // Only the tables that were asked for.
    expect(section(report.text, "DATA SUMMARY").map((line) => line.replaceAll(/ {2,}/g, " "))).toEqual([" public.kind 2 records", "-".repeat(60), " TOTAL 2 records"]);
    const advice = code === 0 ? "This export is compatible and can be imported." : "This export can be imported with --force. Read the warnings first.";
    const more = "The values were not checked: --values imports all of them and rolls back.";
    expect(section(report.text, "LEFT BEHIND BY THE EXPORT")).toEqual(["  public.django_migrations (migrations, Django)"]);
    expect(section(report.text, "RECOMMENDATION")).toEqual([`${code === 0 ? "✓" : "!"} ${advice}`, more]);
    expect(report.json).toMatchObject({
      status, problems: [], warnings: code === 0 ? [] : [expect.any(String)], values: false, recommendation: `${advice} ${more}`,
      here: { export_version: EXPORT_VERSION, engine, migrations: applied.length },
      configuration: { not_compared: expect.any(String) as string },
      export: {
        path: output, export_format: "holdfast-portable", export_version: EXPORT_VERSION, source: { name: "Shop", url: "https://shop.example", engine: "postgresql" },
        schema_versions: { tool: "Django", applied: ["shop.0001_initial"] }, data_counts: { "public.kind": 2 }, records: 2,
        left_out: [{ table: "public.django_migrations", why: "migrations, Django" }], warnings: [],
      },
    });
  }
  const lacks = await check(output, "--database", await make("SQLite", MIGRATIONS + TABLES.replace("kind varchar(20),", "kind varchar(20), must integer not null,")), "--exclude", "kind");
  expect([lacks.code, section(lacks.text, "RECOMMENDATION")]).toEqual([14, ["✗ Do not import this export: fix the problems above first."]]);
  expect(lacks.json).toMatchObject({ status: "INCOMPATIBLE", recommendation: expect.stringMatching(/^Do not import/) as string, export: { data_counts: { "public.item": 1 }, records: 1 } });
}); // prettier-ignore

test.each([
  ["PostgreSQL", "n integer, unique (n) deferrable initially deferred", "looked at when all is written"],
  ["PostgreSQL", "n integer, check (n < 1)", "a condition"],
  ["PostgreSQL", "n integer, exclude using btree (n with =)", "a condition on pairs"],
  ["MariaDB", "n integer unique", "a unique column that is no key"],
  ["MariaDB", "n integer check (n < 1)", "a condition"],
  ["SQLite", "n integer unique", "a unique column that is no key"],
  ["SQLite", "n text check (typeof(n) = 'integer')", "a condition"],
] as const)("%s: what the database refuses forbids an import, by --values: %s (%s)", async (name, column, _what) => {
  const output = await exportOf(await make("SQLite", "create table t (name varchar(20) not null primary key, n integer); insert into t values ('a', 1), ('b', 1);"));
  const url = await make(name, `create table t (name varchar(20) not null primary key, ${column});`);
  expect((await check(output, "--database", url)).code).toBe(0);
  const tried = await check(output, "--database", url, "--values");
  expect(tried.json).toMatchObject({ status: "INCOMPATIBLE", problems: [expect.any(String)], values: true });
  expect([tried.code, section(tried.text, "COMPATIBILITY CHECK").length]).toEqual([14, 2]);
  expect(await refusal("import", output, "--database", url)).not.toBe("");
  expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
}); // prettier-ignore

test("what the config leaves out is not counted", async () => {
  const output = await exportOf(await make("SQLite", TABLES + ROWS));
  const config = join(tempDirectory(), "c.yaml");
  writeFileSync(config, "site: s\nroot: .\nportable: { exclude: [item] }\n");
  const url = await make("SQLite", TABLES);
  const { code, json } = await check(output, "--database", url, "--config", config, "--values");
  expect([code, json]).toMatchObject([0, { values: true, export: { data_counts: { kind: 2 }, records: 2 }, recommendation: "This export is fully compatible and can be imported." }]);
}); // prettier-ignore
