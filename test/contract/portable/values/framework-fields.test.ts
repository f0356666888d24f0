/** A field that a framework keeps in another type on each engine arrives as that type's, and back; a value that has no form there is refused. */
import { describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { change, rowsOf, useEngines, type PortableEngine } from "../../../support/portable/engines.ts";
import { bring, exportOf, refusal } from "../../../support/portable/script.ts";

type Name = PortableEngine["name"];
const { make } = useEngines();

/** A table `t` with one column of the type, and rows of these values as SQL writes them. */
const table = (type: string, ...values: readonly string[]): string =>
  `create table t (id integer not null primary key, v ${type}); ${values.map((value, at) => `insert into t values (${at + 1}, ${value});`).join(" ")}`;

/** Brings a column into one of another type, and that one back; gives what was there in between, and at the end. */
async function thereAndBack(
  [from, type, values]: readonly [Name, string, readonly string[]],
  [to, other]: readonly [Name, string],
  more = "",
): Promise<{ there: string[]; back: string[]; was: string[] }> {
  const source = await make(from, more + table(type, ...values));
  const middle = await make(to, more + table(other));
  await bring(await exportOf(source), middle);
  const end = await make(from, more + table(type));
  await bring(await exportOf(middle), end);
  const words = async (url: string): Promise<string[]> => await rowsOf(url, "select v from t order by id");
  return { there: await words(middle), back: await words(end), was: await words(source) };
}

const DJANGO =
  "create table django_migrations (id integer not null primary key, app varchar(255), name varchar(255), applied varchar(40));";
const UUID = "7f1c0d1e-89ab-4def-8123-456789abcdef";

describe("Django's fields", () => {
  test.each([
    ["MariaDB", "bigint"],
    ["SQLite", "bigint"],
  ] as const)("a duration: interval in PostgreSQL, microseconds in %s", async (name, type) => {
    const values = ["interval '10 minutes'", "interval '1 day 2:00:00.5'", "interval '-1 day 23:59:59'", "interval '-3 days'", "null", "interval '0'"];
    const { there, back, was } = await thereAndBack(["PostgreSQL", "interval", values], [name, type], DJANGO);
    expect(there).toEqual(["600000000", "93600500000", "-1000000", "-259200000000", "null", "0"]);
    expect(back).toEqual(was);
  }); // prettier-ignore

  test.each(["'1 mon'", "'1 year 10:00:00'"])("a duration of months or years, which have no length, is refused: %s", async (value) => {
    const output = await exportOf(await make("PostgreSQL", DJANGO + table("interval", value)));
    const url = await make("SQLite", DJANGO + table("bigint"));
    expect(await refusal("import", output, "--database", url)).toContain("expects bigint");
    expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
  }); // prettier-ignore

  test.each(["MariaDB", "SQLite"] as const)("a UUID: 32 digits in %s, also as a key and a link", async (name) => {
    const schema = (type: string): string =>
      `create table thing (id ${type} primary key, name varchar(9)); create table part (id ${type} primary key, thing_id ${type} references thing (id));`;
    const rows = `insert into thing values ('${UUID}', 'x'); insert into part values ('00000000-0000-4000-8000-000000000001', '${UUID}'), ('00000000-0000-4000-8000-000000000002', null);`;
    const source = await make("PostgreSQL", schema("uuid") + rows);
    const middle = await make(name, schema("char(32)"));
    await bring(await exportOf(source), middle);
    expect(await rowsOf(middle, "select p.id, t.id from part p join thing t on t.id = thing_id")).toEqual(["00000000000040008000000000000001|7f1c0d1e89ab4def8123456789abcdef"]);
    const end = await make("PostgreSQL", schema("uuid"));
    await bring(await exportOf(middle), end);
    expect(await rowsOf(end, "select p.id, t.name from part p left join thing t on t.id = thing_id order by 1")).toEqual(["00000000-0000-4000-8000-000000000001|x", "00000000-0000-4000-8000-000000000002|null"]);
    // A part alone, of a thing that is there.
    const part = await make(name, `${schema("char(32)")} insert into thing values ('7f1c0d1e89ab4def8123456789abcdef', 'x');`);
    expect(await refusal("import", await exportOf(source), "--database", part, "--models", "part")).toBe("");
    expect(await rowsOf(part, "select count(*) from part join thing on thing.id = thing_id")).toEqual(["1"]);
  }); // prettier-ignore

  test.each([
    ["PostgreSQL", "date", "MariaDB", "datetime(6)", "2024-02-29 00:00:00.000000"],
    ["PostgreSQL", "date", "SQLite", "datetime", "2024-02-29 00:00:00"],
    ["PostgreSQL", "timestamp", "SQLite", "date", "2024-02-29"],
    ["SQLite", "datetime", "PostgreSQL", "date", "2024-02-29"],
    ["MariaDB", "date", "PostgreSQL", "timestamptz", "2024-02-29 00:00:00+00"],
  ] as const)("a day in %s's %s, a moment in %s's %s, or the other way round", async (from, type, to, other, there) => {
    const values = [`'2024-02-29${type === "datetime" || type === "timestamp" ? " 00:00:00" : ""}'`];
    const result = await thereAndBack([from, type, values], [to, other]);
    expect(result.there).toEqual([there]);
    expect(result.back).toEqual(result.was);
  });
});

describe("MediaWiki's fields", () => {
  test.each([
    ["binary(14)", "20240229100000"],
    ["varbinary(14)", "20240229100000"],
    ["char(14)", "20240229100000"],
  ] as const)("a moment of 14 digits in %s is one in PostgreSQL", async (type, there) => {
    const values = ["'2024-02-29 10:00:00+00'", ...(type === "varbinary(14)" ? ["'infinity'"] : []), "null"];
    const result = await thereAndBack(["PostgreSQL", "timestamptz", values], ["MariaDB", type]);
    expect(result.there).toEqual([there, ...(type === "varbinary(14)" ? ["infinity"] : []), "null"]);
    expect(result.back).toEqual(result.was);
  }); // prettier-ignore

  test("enums and sets of the binary character set are texts", async () => {
    for (const type of ["enum('a','b')", "set('a','b')"]) {
      const values = type.startsWith("enum") ? ["'a'", "'b'", "null"] : ["'a,b'", "''", "null"];
      const source = await make("MariaDB", table(`${type} character set binary`, ...values));
      const output = await exportOf(source);
      const was = (await rowsOf(source, "select convert(v using utf8mb4) from t order by id")).join();
      for (const [name, other] of [["MariaDB", `${type} character set binary`], ["MariaDB", type], ["PostgreSQL", "text"], ["SQLite", "text"]] as const) {
        const url = await make(name, table(other));
        await bring(output, url);
        const word = name === "MariaDB" ? "convert(v using utf8mb4)" : "v";
        expect((await rowsOf(url, `select ${word} from t order by id`)).join()).toBe(was);
      }
    }
  }); // prettier-ignore
});

test.each([
  ["a number in an interval of no Django", "SQLite", "bigint", "600", "PostgreSQL", "interval", "expects interval, found 600"],
  ["a number's text in an interval", "SQLite", "text", "'600'", "PostgreSQL", "interval", "found the number 600"],
  ["an interval in a number of no Django", "PostgreSQL", "interval", "'10:00:00'", "SQLite", "bigint", "expects whole numbers"],
  ["a number in PostgreSQL's own types", "SQLite", "bigint", "5", "PostgreSQL", "money", "expects money"],
  ["a number for the label at its place", "PostgreSQL", "integer", "1", "MariaDB", "enum('a','b')", "expects a label of enum('a','b'), found \"1\""],
  ["a label of another case", "PostgreSQL", "text", "'A'", "MariaDB", "enum('a','b')", "expects a label of enum('a','b'), found \"A\""],
  ["a number for a set's bits", "PostgreSQL", "text", "'3'", "MariaDB", "set('a','b')", "expects a label of set('a','b'), found \"3\""],
  ["a year of two digits", "PostgreSQL", "integer", "1", "MariaDB", "year", "expects a year from 1901 to 2155"],
  ["bytes that would be filled up", "PostgreSQL", "bytea", "'\\x61'", "MariaDB", "binary(16)", "expects 16 bytes, found 1"],
  ["a UUID in bytes", "PostgreSQL", "uuid", `'${UUID}'`, "SQLite", "blob", "expects BLOB"],
  ["a moment in bytes", "PostgreSQL", "timestamptz", "'2024-02-29 10:00:00+00'", "SQLite", "blob", "expects BLOB"],
  ["parts of a second in 14 digits", "PostgreSQL", "timestamptz", "'2024-02-29 10:00:00.5+00'", "MariaDB", "binary(14)", "expects binary(14)"],
  ["a moment within a day", "PostgreSQL", "timestamptz", "'2024-02-29 10:00:00+00'", "SQLite", "date", "expects date"],
  ["what is no time in a time of SQLite", "PostgreSQL", "interval", "'1 day'", "SQLite", "datetime", "expects datetime"],
  ["an infinite time in a number", "PostgreSQL", "timestamptz", "'infinity'", "SQLite", "real", "expects REAL"],
  ["a text of which SQLite makes a number", "PostgreSQL", "text", "'007'", "SQLite", "string", "would convert it to a number"],
  ["a text that is no number as it stands", "PostgreSQL", "text", "'007'", "MariaDB", "integer", "the text \"007\""],
  ["words for a truth", "PostgreSQL", "text", "'false'", "SQLite", "bool", "expects true or false"],
  ["a whole number that a double rounds", "PostgreSQL", "bigint", "9007199254740993", "MariaDB", "double", "would store 9007199254740992"],
  ["one that SQLite's rounds", "MariaDB", "bigint", "9007199254740993", "SQLite", "real", "would store 9007199254740992"],
  ["a decimal that a double rounds", "MariaDB", "decimal(30,20)", "0.10000000000000000001", "PostgreSQL", "double precision", "would store 0.1"],
  ["blanks at the end, of MariaDB", "PostgreSQL", "text", "'x '", "MariaDB", "char(9)", "drops blanks at the end"],
  ["blanks at the end, of PostgreSQL", "SQLite", "text", "'x '", "PostgreSQL", "char(9)", "drops blanks at the end"],
  ["letters for bits", "PostgreSQL", "text", "'x1F'", "PostgreSQL", "varbit", "expects bit varying"],
] as const)("%s is refused before anything is written", async (_what, from, type, value, to, other, message) => {
  const output = await exportOf(await make(from, table(type, value)));
  const url = await make(to, table(other));
  // Accepts what check warns of, so that the value itself is refused.
  expect(await refusal("import", output, "--database", url, "--force")).toContain(message);
  expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
}); // prettier-ignore

test("SQLite: ANY of a STRICT table keeps each value's own type", async () => {
  const schema = "create table s (id integer primary key, a any) strict; create table u (a any primary key, b any) strict, without rowid;";
  const rows = "insert into s values (1, '007'), (2, 1.0), (3, x'31'), (4, 5), (5, null), (6, '1e3'); insert into u values ('1', 2), ('02', '3');";
  const source = await make("SQLite", schema + rows);
  const url = await make("SQLite", schema);
  await bring(await exportOf(source), url);
  for (const sql of ["select id, typeof(a), quote(a) from s order by id", "select typeof(a), quote(a), typeof(b), quote(b) from u order by 2"])
    expect(await rowsOf(url, sql)).toEqual(await rowsOf(source, sql));
}); // prettier-ignore

test("MariaDB: an enum's empty value, which a server that was not strict made of a wrong one, stays what it is", async () => {
  const schema = "create table t (id integer primary key, n varchar(9) not null unique, e enum('x','y') not null, f enum('x','','y'));";
  const rows = "set sql_mode = ''; insert ignore into t values (1, 'a', 'x', ''), (2, 'b', 'zzz', 'zzz'), (3, 'c', 'y', null);";
  const output = await exportOf(await make("MariaDB", schema + rows));
  const places = "select n, e + 0, f + 0 from t order by id";
  for (const before of ["", "insert into t values (7, 'b', 'y', 'y'), (8, 'c', 'y', null);"]) {
    const url = await make("MariaDB", schema + before);
    await bring(output, url);
    expect((await rowsOf(url, places)).toSorted()).toEqual(["a|1|2", "b|0|2", "c|2|null"]);
  }
  const other = await make("PostgreSQL", "create type x as enum ('x', 'y'); create table t (id integer primary key, n varchar(9) unique, e x, f varchar(9));");
  expect(await refusal("import", output, "--database", other)).toContain('t.e expects a label of ');
}); // prettier-ignore

const DIGITS = UUID.replaceAll("-", "");
test.each([
  ["PostgreSQL", "uuid", [`'${UUID}'`, `'${DIGITS}'`, `'${UUID.toUpperCase()}'`], UUID],
  ["MariaDB", "uuid", [`'${UUID}'`, `'${DIGITS}'`], UUID],
  ["PostgreSQL", "timestamptz", ["'20240229100000'", "'2024-02-29T10:00:00Z'", "'2024-02-29 12:00:00+02:00'"], "2024-02-29 10:00:00+00"],
  ["MariaDB", "datetime", ["'20240229100000'", "'2024-02-29 10:00:00'", "'2024-02-29T10:00'"], "2024-02-29 10:00:00"],
  ["SQLite", "datetime", ["'20240229100000'", "'2024-02-29 10:00:00'"], "2024-02-29 10:00:00"],
  ["PostgreSQL", "boolean", ["'t'", "'1'"], "true"],
  ["PostgreSQL", "numeric(9,2)", ["'12.5'", "'12.50'", "'1.25e1'"], "12.50"],
] as const)("verify finds the same rows where a text became %s's %s, however it was written, and tells others", async (name, type, values, becomes) => {
  const from = name === "SQLite" ? "MariaDB" : "SQLite";
  const output = await exportOf(await make(from, table("text", ...values, "null")));
  const url = await make(name, table(type));
  await bring(output, url);
  const words = name === "PostgreSQL" ? "v::text" : "v";
  expect(await rowsOf(url, `select ${words} from t order by id`)).toEqual([...values.map(() => becomes), "null"]);
  const other = { uuid: "'00000000-0000-4000-8000-000000000001'", boolean: "false", "numeric(9,2)": "12.51" }[type as string] ?? "'2024-02-29 10:00:01'";
  await change(url, `update t set v = ${other} where id = 1`);
  expect((await runInProcess("portable", ["verify", output, "--database", url])).code).toBe(13);
}); // prettier-ignore

test("verify finds the same rows where keys and links are texts that became UUIDs", async () => {
  const schema = (type: string): string =>
    `create table thing (id ${type} primary key, name varchar(9)); create table part (name varchar(9) primary key, thing_id ${type}, foreign key (thing_id) references thing (id));`;
  const rows = `insert into thing values ('${DIGITS}', 'x'), ('00000000-0000-4000-8000-00000000000A', 'y'); insert into part values ('p', '${DIGITS}'), ('q', '00000000-0000-4000-8000-00000000000A'), ('r', null);`;
  const output = await exportOf(await make("SQLite", schema("text not null").replace("thing_id text not null", "thing_id text") + rows));
  const url = await make("PostgreSQL", schema("uuid"));
  await bring(output, url);
  expect(await rowsOf(url, "select p.name, t.name from part p left join thing t on t.id = thing_id order by 1")).toEqual(["p|x", "q|y", "r|null"]);
  await change(url, "update part set thing_id = null where name = 'p'");
  expect((await runInProcess("portable", ["verify", output, "--database", url])).code).toBe(13);
}); // prettier-ignore

describe("a kind that has no form in the target's", () => {
  test.each([
    ["PostgreSQL", "boolean", "true", "SQLite", "date"],
    ["PostgreSQL", "date", "'2024-02-29'", "SQLite", "json"],
    ["PostgreSQL", "integer", "5", "SQLite", "uuid"],
    ["MariaDB", "bit(8)", "b'101'", "SQLite", "date"],
    ["SQLite", "boolean", "1", "MariaDB", "date"],
    ["SQLite", "date", "'2024-02-29'", "PostgreSQL", "interval"],
  ] as const)("%s's %s, %s, in %s's %s: told by check, and refused by the row", async (from, type, value, to, other) => {
    const output = await exportOf(await make(from, table(type, value, "null")));
    const url = await make(to, table(other));
    const words = new RegExp(`t\\.v is ${other} here, and .* in the export, which does not convert to it`, "i");
    const check = await runInProcess("portable", ["check", output, "--database", url]);
    expect([check.code, check.stdout]).toEqual([3, expect.stringMatching(words)]);
    expect(await refusal("import", output, "--database", url)).toMatch(words);
    expect(await refusal("import", output, "--database", url, "--force")).toMatch(/line 2: .*v expects .*, found/);
    expect((await runInProcess("portable", ["check", output, "--database", url, "--values"])).code).toBe(14);
    expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
    // Of NULLs there is nothing to refuse.
    const empty = await exportOf(await make(from, table(type, "null")));
    expect(await refusal("import", empty, "--database", url, "--force")).toBe("");
    expect(await rowsOf(url, "select id, v from t")).toEqual(["1|null"]);
  }); // prettier-ignore

  test("a text that is not JSON, where SQLite would not look", async () => {
    const output = await exportOf(await make("PostgreSQL", table("text", "'{\"a\": 1}'", "'no JSON'")));
    const url = await make("SQLite", table("json"));
    expect(await refusal("import", output, "--database", url)).toMatch(/line 3: .*v expects json, found "no JSON"/i);
    expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
  });
});
