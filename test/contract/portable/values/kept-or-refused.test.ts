/** What databases hold that copies of them have lost: each case comes through as it was, or is refused by a message that names the row. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "../../../../lib/errors.ts";
import { exportTables } from "../../../../lib/portable/export/run.ts";
import { importTables } from "../../../../lib/portable/import/run.ts";
import { openExport } from "../../../../lib/portable/read/export-reader.ts";
import { planPortable } from "../../../../lib/portable/plan/run.ts";
import { compareTables } from "../../../../lib/portable/compare/tables.ts";
import { change, on, rowsOf, useEngines, type PortableEngine } from "../../../support/portable/engines.ts";
import { suiteDirectory } from "../../../support/temp.ts";

type Name = PortableEngine["name"];
const { signal } = new AbortController();
const engines = useEngines();
const directory = suiteDirectory("holdfast-portable-cases-");
let count = 0;

/** What the engine says when it refuses; nothing when all is well. */
async function said(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "";
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const write = async (url: string, output: string): Promise<unknown> =>
  await on(url, "read", async (connection) => {
    const plan = planPortable(await connection.engine.introspect(connection), {
      keys: {},
      groups: {},
      models: [],
      components: [],
      exclude: [],
    });
    await exportTables(connection, plan, { output, sourceName: null, sourceUrl: null }, () => {});
  });

async function importInto(url: string, output: string): Promise<string> {
  const from = await openExport(output, { verify: true, signal });
  const request = { mode: "create-or-update", skipConflicts: false, dryRun: false, clearExisting: false } as const;
  return await said(
    async () =>
      await on(
        url,
        "write",
        async (connection) => await importTables(connection, from, request, { signal, onRows: () => {} }),
      ),
  );
}

/** The tables that differ. */
async function differences(url: string, output: string): Promise<string[]> {
  const from = await openExport(output, { verify: true, signal });
  return await on(url, "read", async (connection) =>
    (await compareTables(connection, from, signal)).flatMap(({ table, same }) => (same ? [] : [table])),
  );
}

async function exportOf(url: string): Promise<string> {
  const output = join(directory, `export-${count++}`);
  await write(url, output);
  return output;
}

interface Kept {
  readonly what: string;
  readonly on: Name;
  readonly schema: string;
  readonly rows: string;
  /** Asked of both databases. */
  readonly ask: string;
}

const KEPT: readonly Kept[] = [
  {
    what: "numbers that are none, times without an end, years before Christ",
    on: "PostgreSQL",
    schema: "create table t (id integer primary key, f float8, n numeric, d date, s timestamp, z timestamptz);",
    rows: "insert into t values (1, 'NaN', 'NaN', 'infinity', '-infinity', 'infinity'), (2, '-Infinity', 'Infinity', '0044-03-15 BC', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00'), (3, 5e-324, 1e-20, '5874897-12-31', null, null);",
    ask: "select id, f, n, d, s, z from t order by id",
  },
  {
    what: "types of its own: intervals, ranges, midnight at the end of a day, arrays with bounds, networks",
    on: "PostgreSQL",
    schema: "create type mood as enum ('it''s', 'ok'); create table t (id integer primary key, i interval, r int4range, t time, a integer[], b text[], e mood, n inet, x xml, j jsonb, v bit varying(9));",
    rows: `insert into t values (1, '1 mon -3 days 00:00:00.000001', '[1,5)', '24:00:00', '[2:3]={1,NULL}', array['a,"b"\\', 'NULL', null, ''], 'it''s', '10.0.0.0/8', '<a>é</a>', '{"b": 1.50}', b'0101');`,
    ask: "select * from t order by id",
  },
  {
    what: "columns that are computed, numbers that are always given, blanks that pad",
    on: "PostgreSQL",
    schema: "create table t (id integer generated always as identity primary key, code char(5) not null unique, a integer, twice integer generated always as (a * 2) stored);",
    rows: "insert into t (id, code, a) overriding system value values (7, 'ab', 2), (3, 'c', null);",
    ask: "select * from t order by id",
  },
  {
    what: "partitions and children, each row once",
    on: "PostgreSQL",
    schema: "create table p (id integer primary key, at date) partition by range (id); create table p1 partition of p for values from (0) to (10); create table p2 partition of p default; create table mother (id integer primary key); create table child (more text, primary key (id)) inherits (mother);",
    rows: "insert into p values (1, null), (50, '2020-01-01'); insert into mother values (1); insert into child values (2, 'x');",
    ask: "select (select count(*) from p), (select count(*) from only mother), (select count(*) from child)",
  },
  {
    what: "tables of one name in two schemas, and a link between them",
    on: "PostgreSQL",
    schema: "set role postgres; create schema other authorization clara; set role clara; create table other.t (id serial primary key, name text not null unique); create table t (id serial primary key, name text not null unique, other integer references other.t);",
    rows: "insert into other.t values (5, 'there'); insert into t values (1, 'here', 5);",
    ask: "select t.id, t.name, o.name from t join other.t o on o.id = t.other",
  },
  {
    what: "a table without a key, whose rows are equal",
    on: "PostgreSQL",
    schema: "create table t (a json, b integer[], c text);",
    rows: "insert into t values ('[1]', '{1}', 'x'), ('[1]', '{1}', 'x'), (null, null, null);",
    ask: "select a::text, b::text, c from t order by 1",
  },
  {
    what: "triggers: they do not fire twice",
    on: "PostgreSQL",
    schema: "create table t (id integer primary key, n integer); create function up() returns trigger language plpgsql as 'begin new.n = new.n + 1; return new; end'; create trigger up before insert or update on t for each row execute function up();",
    rows: "insert into t values (1, 1);",
    ask: "select id, n from t",
  },
  {
    what: "triggers of SQLite: they do not fire twice, and are there again",
    on: "SQLite",
    schema: "create table t (id integer primary key, n integer); create trigger up after insert on t begin update t set n = n + 1 where id = new.id; end;",
    rows: "insert into t values (1, 1);",
    ask: "select id, n, (select count(*) from sqlite_master where type = 'trigger') from t",
  },
  {
    what: "values of another type than their column",
    on: "SQLite",
    schema: "create table t (id integer primary key, a integer, b text, c real, d blob, e boolean, f);",
    rows: "insert into t values (1, 'text', x'00ff', 'x', 'y', 2, 1.5), (2, 1.5, '', x'', 7, 'yes', x'01'), (3, 9223372036854775807, 'a' || char(0) || 'b', 9e999, null, -1, '2');",
    ask: "select id, typeof(a) || quote(a), typeof(b) || hex(b), typeof(c) || quote(c), typeof(d) || quote(d), typeof(e) || e, typeof(f) || quote(f) from t order by id",
  },
  {
    what: "unsigned numbers, long times, a row with the number 0, bits, sets, years",
    on: "MariaDB",
    schema: "create table t (id bigint unsigned auto_increment primary key, name varchar(20) collate utf8mb4_bin not null unique, t time(6), b bit(9), s set('a','b','it''s'), e enum('', 'x'), y year);",
    rows: "set sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; insert into t values (0, 'zero', '-838:59:59', b'100000001', 'a,it''s', '', 1901), (18446744073709551614, 'most', '838:59:59.000000', null, '', 'x', 2155);",
    ask: "select id, name, t, b + 0, s, e, y from t order by id",
  },
]; // prettier-ignore

test.each(KEPT)("$on keeps $what", async ({ on: name, schema, rows, ask }) => {
  const from = await engines.of(name).make(`${schema}\n${rows}`);
  const output = await exportOf(from);
  const to = await engines.of(name).make(schema);
  expect(await importInto(to, output)).toBe("");
  expect(await rowsOf(to, ask)).toEqual(await rowsOf(from, ask));
  expect(await differences(to, output)).toEqual([]);
  expect(await importInto(to, output)).toBe("");
  expect(await rowsOf(to, ask)).toEqual(await rowsOf(from, ask));
});

interface Refused {
  readonly what: string;
  readonly from: Name;
  readonly column: string;
  readonly value: string;
  readonly to: Name;
  readonly into: string;
  readonly because: RegExp;
}

const REFUSED: readonly Refused[] = [
  { what: "a decimal with more digits than fit", from: "PostgreSQL", column: "numeric(20,4)", value: "1.2345", to: "PostgreSQL", into: "numeric(20,2)", because: /line 2: .*1\.2345/ },
  { what: "a decimal with more digits than fit", from: "PostgreSQL", column: "numeric(20,4)", value: "1.2345", to: "MariaDB", into: "decimal(20,2)", because: /line 2: .*1\.2345/ },
  { what: "a decimal that is too large", from: "PostgreSQL", column: "numeric(20,4)", value: "12345", to: "MariaDB", into: "decimal(6,2)", because: /row 1/ },
  { what: "a decimal that a float would round", from: "PostgreSQL", column: "numeric(30,10)", value: "12345678901234567890.5", to: "SQLite", into: "decimal(30,10)", because: /line 2: .*12345678901234567890\.5/ },
  { what: "microseconds", from: "PostgreSQL", column: "timestamp(6)", value: "'2020-01-01 00:00:00.000001'", to: "MariaDB", into: "datetime", because: /line 2: .*00\.000001/ },
  { what: "a double", from: "SQLite", column: "double", value: "0.1", to: "PostgreSQL", into: "real", because: /line 2: .*0\.1/ },
  { what: "a number that is none", from: "PostgreSQL", column: "float8", value: "'NaN'", to: "MariaDB", into: "double", because: /line 2: .*NaN/ },
  { what: "a NUL byte", from: "SQLite", column: "text", value: "'a' || char(0)", to: "PostgreSQL", into: "text", because: /line 2: .*NUL/ },
  { what: "text in a column of numbers", from: "SQLite", column: "integer", value: "'many'", to: "PostgreSQL", into: "integer", because: /line 2: .*"many"/ },
  { what: "a number that is too large", from: "PostgreSQL", column: "bigint", value: "2147483648", to: "MariaDB", into: "integer", because: /line 2: .*2147483648/ },
  { what: "text that is too long", from: "PostgreSQL", column: "text", value: "'abcdef'", to: "MariaDB", into: "varchar(5)", because: /line 2: .*abcdef/ },
  { what: "blanks that are too many", from: "SQLite", column: "text", value: "'abc   '", to: "PostgreSQL", into: "varchar(4)", because: /line 2: .*abc/ },
  { what: "a JSON number that SQLite would round", from: "PostgreSQL", column: "json", value: "'12345678901234567890123'", to: "SQLite", into: "json", because: /line 2: .*12345678901234567890123/ },
  { what: "a moment before the first one", from: "PostgreSQL", column: "timestamp(6)", value: "'1969-01-01'", to: "MariaDB", into: "timestamp(6) null", because: /row 1/ },
]; // prettier-ignore

test.each(REFUSED)("$what does not get from $from ($column) into $to ($into)", async ({ from, column, value, to, into, because }) => {
  const table = (type: string): string => `create table t (code varchar(9) not null primary key, v ${type});`;
  const output = await exportOf(await engines.of(from).make(`${table(column)} insert into t values ('a', ${value});`));
  const url = await engines.of(to).make(table(into));
  const message = await importInto(url, output);
  expect(message).toMatch(/^E_IMPORT: /);
  expect(message).toMatch(because);
  expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
}); // prettier-ignore

test("text of SQLite that is not UTF-8 is refused, and named", async () => {
  const url = await engines
    .of("SQLite")
    .make("create table t (id integer primary key, name text, note text); insert into t values (1, 'ok', char(65533)), (2, cast(x'61ff' as text), null);"); // prettier-ignore
  const message = await said(async () => await write(url, join(directory, "never")));
  expect(message).toMatch(/^E_IMPORT: t\.name: the text in row \(2\) is not valid UTF-8/);
  await change(url, "delete from t where id = 2");
  expect(await differences(url, await exportOf(url))).toEqual([]);
});

describe.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("into %s", (to) => {
  test("a row keeps the primary key that it has there, numbered by the database or not", async () => {
    const schema = (id: string): string =>
      `create table t (id ${id} primary key, name varchar(20) not null unique); create table c (name varchar(20) not null primary key, t ${id} not null, foreign key (t) references t (id));`; // prettier-ignore
    const from = await engines
      .of("SQLite")
      .make(`${schema("integer")} insert into t values (1, 'one'), (2, 'two'); insert into c values ('x', 2);`);
    const url = await engines.of(to).make(`${schema("integer")} insert into t values (9, 'two');`);
    const output = await exportOf(from);
    expect(await importInto(url, output)).toBe("");
    expect(await rowsOf(url, "select t.id, t.name, c.name from t left join c on c.t = t.id order by 1")).toEqual([
      "1|one|null",
      "9|two|x",
    ]);
    expect(await differences(url, output)).toEqual([]);
  });

  test("rows that point to themselves and may not be NULL get the numbers that are free", async () => {
    const schema = `create table t (id ${{ PostgreSQL: "serial", MariaDB: "integer auto_increment", SQLite: "integer" }[to]} primary key, name varchar(20) not null unique, root integer not null, foreign key (root) references t (id));`;
    const rows = "insert into t values (1, 'a', 1), (2, 'b', 1), (3, 'c', 3);";
    const output = await exportOf(await engines.of(to).make(`${schema} ${rows}`));
    const url = await engines.of(to).make(`${schema} insert into t values (2, 'a', 2), (3, 'other', 3);`);
    expect(await importInto(url, output)).toBe("");
    expect(await rowsOf(url, "select a.name, b.name from t a join t b on b.id = a.root order by 1")).toEqual([
      "a|a",
      "b|a",
      "c|c",
      "other|other",
    ]);
    expect(await rowsOf(url, "select id from t where name in ('a', 'other') order by 1")).toEqual(["2", "3"]);
  });
});

test("what counts in a digest is what the export says, also where the database has a primary key that it has not", async () => {
  const from = await engines
    .of("SQLite")
    .make(
      "create table person (id integer, name text not null unique); insert into person values (1, 'ann'), (2, 'bob')",
    );
  const to = await engines
    .of("PostgreSQL")
    .make("create table person (id integer primary key, name text not null unique)");
  const at = join(directory, `export-${++count}`);
  await write(from, at);
  expect(await importInto(to, at)).toBe("");
  const compare = async (): Promise<boolean[]> =>
    await on(to, "read", async (connection) =>
      (await compareTables(connection, await openExport(at, { verify: true, signal }), signal)).map(({ same }) => same),
    );
  expect(await compare()).toEqual([true]);
  await change(to, "update person set id = 3 where id = 2");
  expect(await compare()).toEqual([false]);
});
