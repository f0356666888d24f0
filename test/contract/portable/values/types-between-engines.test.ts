/** What the schemas of real applications hold, and differ in from engine to engine: it arrives, or a message names the row. */
import { expect, test } from "vitest";
import * as z from "zod";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { bring, exportOf, refusal } from "../../../support/portable/script.ts";

const engines = useEngines();
const { make } = engines;

const summarySchema = z.object({
  tables: z.array(z.object({ created: z.number(), updated: z.number(), unchanged: z.number() })),
  warnings: z.array(z.string()),
});

test.each([
  ["MariaDB", "varbinary(255)", "PostgreSQL", "text"],
  ["MariaDB", "varbinary(255)", "SQLite", "text"],
  ["PostgreSQL", "text", "MariaDB", "varbinary(255)"],
  ["SQLite", "text", "PostgreSQL", "bytea"],
  ["PostgreSQL", "varchar(20)", "SQLite", "blob"],
] as const)("text that is kept as bytes on one side: %s %s to %s %s", async (from, was, to, is) => {
  const schema = (type: string): string =>
    `create table page (id integer primary key, title ${type} not null, note ${type}, unique (title)); create table link (title ${type} not null primary key, foreign key (title) references page (title));`;
  const rows = "insert into page values (1, 'Ísland 🎧', null), (2, 'aGk=', ''); insert into link values ('aGk=');";
  const url = await make(to, schema(is));
  await bring(await exportOf(await make(from, `${schema(was)} ${rows}`)), url);
  const hex = { PostgreSQL: `encode(${is === "bytea" ? "title" : "convert_to(title, 'UTF8')"}, 'hex')`, MariaDB: "lower(hex(title))", SQLite: "lower(hex(title))" }[to]; // prettier-ignore
  expect(await rowsOf(url, `select id, ${hex} from page order by id`)).toEqual([
    `1|${Buffer.from("Ísland 🎧").toString("hex")}`,
    `2|${Buffer.from("aGk=").toString("hex")}`,
  ]);
});

test("JSON that is kept as text on one side", async () => {
  const schema = (type: string): string => `create table t (id integer primary key, j ${type});`;
  const rows = `insert into t values (1, '{"b": [1.50, "é"],  "a": null}'), (2, null);`;
  const url = await make("MariaDB", schema("text"));
  await bring(await exportOf(await make("PostgreSQL", `${schema("json")} ${rows}`)), url);
  expect(await rowsOf(url, "select j from t where id = 1")).toEqual([`{"b": [1.50, "é"],  "a": null}`]);
  await bring(await exportOf(url), await make("PostgreSQL", schema("json")));
});

test("numbers that are kept as text on one side", async () => {
  const schema = (type: string): string => `create table t (id integer primary key, n ${type});`;
  const url = await make("MariaDB", schema("varchar(20)"));
  await bring(await exportOf(await make("PostgreSQL", `${schema("bigint")} insert into t values (1, -7), (2, null);`)), url); // prettier-ignore
  expect(await rowsOf(url, "select id, n from t order by id")).toEqual(["1|-7", "2|null"]);
  const back = await make("PostgreSQL", schema("bigint"));
  await bring(await exportOf(url), back);
  expect(await rowsOf(back, "select id, n from t order by id")).toEqual(["1|-7", "2|null"]);
});

test("bytes that are not text are refused in a column of text", async () => {
  const output = await exportOf(await make("MariaDB", "create table t (id integer primary key, v varbinary(9)); insert into t values (1, 'ok'), (2, x'ff00');")); // prettier-ignore
  for (const name of ["PostgreSQL", "SQLite"] as const) {
    const url = await make(name, "create table t (id integer primary key, v text);");
    expect(await refusal("import", output, "--database", url)).toMatch(
      /line 3: (?:public\.)?t\.v expects text, but the bytes/,
    );
    expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
  }
});

test.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("%s: a NULL where none may be is named with its row", async (name) => {
  const schema = (nulls: string): string =>
    `create table team (id integer primary key, name varchar(20) not null unique); create table t (code varchar(9) primary key, note varchar(20) ${nulls}, team integer ${nulls}, foreign key (team) references team (id));`;
  const team = "insert into team values (1, 'red');";
  const note = await exportOf(await make("SQLite", `${schema("")} ${team} insert into t values ('a', 'x', 1), ('b', null, 1);`)); // prettier-ignore
  const link = await exportOf(await make("SQLite", `${schema("")} ${team} insert into t values ('a', 'x', null);`));
  const url = await make(name, schema("not null default 1"));
  expect(await refusal("import", note, "--database", url)).toMatch(/line 3: (?:public\.)?t\.note is NULL, but/);
  expect(await refusal("import", link, "--database", url)).toMatch(/line 2: (?:public\.)?t\.team is NULL, but/);
}); // prettier-ignore

test.each([
  ["a letter that the column's charset lacks", "'é'", "varchar(9) character set ascii", /t, row 1 .*column v(?!\d)/],
  ["a number in a column of tinyint(1)", "200", "tinyint(1)", /line 2: t\.v expects -128 to 127, found 200/],
  ["a label that is none", "'z'", "enum('a', 'b')", /line 2: t\.v expects a label of enum\('a','b'\), found "z"/],
] as const)("MariaDB: %s is refused by the name of the table and the column", async (_what, value, type, because) => {
  const output = await exportOf(await make("SQLite", `create table t (id integer primary key, x, v ${type.startsWith("tiny") ? "integer" : "text"}); insert into t values (1, null, ${value});`)); // prettier-ignore
  const message = await refusal("import", output, "--database", await make("MariaDB", `create table t (id integer primary key, x integer, v ${type});`)); // prettier-ignore
  expect(message).toMatch(because);
  expect(message).not.toContain("holdfast_stage");
});

test("MariaDB: the keys of many links beside each other are no row that is too large", async () => {
  const text = "varchar(2000) collate utf8mb4_bin not null";
  const many = Array.from({ length: 8 }, (_, at) => `part_${at}`);
  const schema = `create table part (id integer auto_increment primary key, code varchar(180) not null, name varchar(180) not null, unique (code, name));
    create table whole (id integer auto_increment primary key, name varchar(20) not null unique, said ${text}, done ${text},
      ${many.map((one) => `${one} integer, ${one}_text ${text}`).join(", ")}, ${many.map((one) => `foreign key (${one}) references part (id)`).join(", ")}) engine=innodb row_format=dynamic;`.replaceAll("_text varchar(2000)", "_text varchar(1200)"); // prettier-ignore
  const rows = `insert into part values (1, 'a', 'b'), (2, 'é ', '');
    insert into whole values (1, 'one', 'x', 'y ', ${many.map((_, at) => `${(at % 2) + 1}, 't${at} '`).join(", ")}), (2, 'two', '', '', ${many.map(() => "null, ''").join(", ")});`;
  const output = await exportOf(await make("MariaDB", `${schema} ${rows}`));
  await bring(output, await make("MariaDB", schema));
  const url = await make("MariaDB", `${schema} insert into part values (9, 'a', 'b'); insert into whole (name, said, done, ${many.map((one) => `${one}_text`).join(", ")}) values ('one', '', '', ${many.map(() => "''").join(", ")});`); // prettier-ignore
  await bring(output, url);
  expect(await rowsOf(url, "select part_0, part_1, part_1_text from whole where name = 'one'")).toEqual(["9|2|t1 "]);
});

/** As of blogs and wikis on engines that had no foreign keys. */
const UNGUARDED =
  "create table wp_terms (term_id integer primary key, slug varchar(50) not null, unique (slug)); create table wp_links (object_id integer not null, term_id integer not null, rev_term integer, menu_id integer, primary key (object_id, term_id)); create table wp_other (id integer primary key, name varchar(9) not null unique); create table Session (sess_id varchar(40) not null primary key, changed integer, ip varchar(40), vars text);"; // prettier-ignore

test.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("%s: columns that look like foreign keys without a constraint are reported", async (name) => {
  const rows = "insert into wp_terms values (1, 'a'), (2, 'b'); insert into wp_other values (1, 'x'); insert into wp_links values (7, 1, 2, 1); insert into Session values ('secret', 1, '', '');";
  const from = await make(name, `${UNGUARDED} ${rows}`);
  const plan = await runInProcess("portable", ["plan", "--database", from, "--json"]);
  expect(plan.stdout).toMatch(/wp_terms: (?:public\.)?wp_links\.term_id, (?:public\.)?wp_links\.rev_term seem to reference its term_id/);
  expect(plan.stdout).not.toMatch(/wp_other: .*seem/);
  const output = await exportOf(from);
  const url = await make(name, `${UNGUARDED} insert into wp_terms values (8, 'b');`);
  const { code, stderr, stdout } = await runInProcess("portable", ["import", output, "--database", url, "--json"]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const { warnings } = summarySchema.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  expect(warnings.join("\n")).toMatch(/wp_terms: 1 row was renumbered; \S+term_id, \S+rev_term look like/);
  expect(await rowsOf(url, "select count(*) from Session")).toEqual(["0"]);
}); // prettier-ignore

test("PostgreSQL: a table without columns has as many rows as before", async () => {
  const schema = "create table nothing ();";
  const output = await exportOf(await make("PostgreSQL", `${schema} insert into nothing default values; insert into nothing default values;`)); // prettier-ignore
  const url = await make("PostgreSQL", schema);
  await bring(output, url);
  expect(await rowsOf(url, "select count(*) from nothing")).toEqual(["2"]);
});

test("MariaDB: places and lines", async () => {
  const schema = "create table t (id integer primary key, p point, g geometry not null);";
  const rows = "insert into t values (1, point(1.5, 2), st_geomfromtext('linestring(0 0, 1 1)', 4326)), (2, null, point(0, 0));"; // prettier-ignore
  const url = await make("MariaDB", schema);
  await bring(await exportOf(await make("MariaDB", `${schema} ${rows}`)), url);
  expect(await rowsOf(url, "select id, st_astext(p), st_astext(g), st_srid(g) from t order by id")).toEqual([
    "1|POINT(1.5 2)|LINESTRING(0 0,1 1)|4326",
    "2|null|POINT(0 0)|0",
  ]);
});
