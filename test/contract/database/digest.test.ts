/** Table digests: the same for equal data in PostgreSQL, MariaDB and SQLite, another for any difference. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSnapshot } from "../../../lib/database/engines/open.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";

interface Engine {
  readonly name: string;
  /** Runs statements on a new, empty database. */
  readonly fill: (statements: string) => Promise<{ url: string; password?: string }>;
}

let postgres: TestServer;
let mariadb: TestServer;
let directory: string;
let count = 0;
beforeAll(async () => {
  directory = makeTemp("holdfast-digest-");
  [postgres, mariadb] = await Promise.all([acquirePostgres(), acquireMariadb()]);
});
afterAll(async () => {
  await Promise.all([postgres.release(), mariadb.release()]);
  removeTree(directory);
});

const onServer = (name: string, server: () => TestServer, before: (database: string) => string): Engine => ({
  name,
  fill: async (statements) => {
    const database = await server().createDatabase();
    await server().sql(`${before(database)}${statements}`, database);
    return { url: server().urlOf(database), password: server().password };
  },
});
const ENGINES: readonly Engine[] = [
  onServer(
    "PostgreSQL",
    () => postgres,
    () => "set role clara;",
  ),
  onServer(
    "MariaDB",
    () => mariadb,
    () => "set time_zone = '+00:00', sql_mode = 'NO_BACKSLASH_ESCAPES';",
  ),
  {
    name: "SQLite",
    fill: async (statements) => {
      const file = join(directory, `${++count}.db`);
      runSql(file, statements);
      return { url: `sqlite:///${file}` };
    },
  },
];

async function digestsOf(engine: Engine, statements: string): Promise<Readonly<Record<string, string>>> {
  const { url, password } = await engine.fill(statements);
  const target = { url, execPrefix: [], root: "/", ...(password === undefined ? {} : { password }) };
  const snapshot = await openSnapshot(target, new AbortController().signal);
  try {
    const { digests } = await snapshot.digests();
    return Object.fromEntries(Object.entries(digests).map(([name, digest]) => [name.replace(/^public\./, ""), digest]));
  } finally {
    await snapshot.close();
  }
}

/** Types as each engine calls them; the values are the same for all. */
const TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PostgreSQL: {
    int: "bigint",
    decimal: "numeric(30,10)",
    double: "double precision",
    single: "real",
    flag: "boolean",
    text: "text",
    bytes: "bytea",
    date: "date",
    time: "timestamp(6)",
    zone: "timestamptz(6)",
    day: "time(6)",
    json: "jsonb",
  },
  MariaDB: {
    int: "bigint",
    decimal: "decimal(30,10)",
    double: "double",
    single: "float",
    flag: "tinyint(1)",
    text: "longtext",
    bytes: "longblob",
    date: "date",
    time: "datetime(6)",
    zone: "timestamp(6) null",
    day: "time(6)",
    json: "json",
  },
  SQLite: {
    int: "integer",
    decimal: "text_decimal",
    double: "real",
    single: "real",
    flag: "bool",
    text: "text",
    bytes: "blob",
    date: "date",
    time: "datetime",
    zone: "timestamp",
    day: "time",
    json: "json",
  },
};

const hex = (engine: string, text: string): string => (engine === "PostgreSQL" ? `'\\x${text}'` : `x'${text}'`);
const zoned = (engine: string, text: string): string => (engine === "PostgreSQL" ? `'${text}+00'` : `'${text}'`);
const flag = (engine: string, value: boolean): string => (engine === "PostgreSQL" ? String(value) : value ? "1" : "0");

function everything(engine: string, { order = 0, change = "" } = {}): string {
  const t = TYPES[engine] ?? {};
  // What SQLite is to keep of a decimal exactly, it has to be given as text: its numbers are doubles.
  const decimal = (value: string): string => (engine === "SQLite" ? `'${value}'` : value);
  const columns = ["id", "i", "d", "f", "s", "b", "t", "x", "dt", "ts", "tz", "tm", "j"];
  const rows = [
    [
      "1",
      "9223372036854775807",
      decimal("12345678901234567890.1234500000"),
      "0.1",
      "1.5",
      flag(engine, true),
      `'${change}plain'`,
      hex(engine, "00ff10"),
      "'2026-01-31'",
      "'2026-01-31 23:59:59.123456'",
      zoned(engine, "2026-07-01 00:00:00.5"),
      "'12:00:00'",
      `'{"b": 1.50, "a": [1e2, null, "x\\ty"]}'`,
    ],
    [
      "2",
      "-9223372036854775808",
      decimal("-0.5000000000"),
      "1e22",
      "-0.25",
      flag(engine, false),
      "'ünï 😀 ''quoted'' back\\slash'",
      hex(engine, ""),
      "'1969-12-31'",
      "'1999-12-31 00:00:00'",
      zoned(engine, "2000-02-29 12:00:00"),
      "'00:00:01.25'",
      "'[]'",
    ],
    [
      "3",
      "0",
      decimal("0"),
      "-0.0",
      "0",
      flag(engine, true),
      "''",
      hex(engine, "61"),
      "'0999-01-01'",
      "'2026-01-01 00:00:00'",
      zoned(engine, "2026-01-01 00:00:00"),
      "'23:59:59.999999'",
      `'{"n": 12345678901234567890123}'`,
    ],
    ["4", ...Array.from({ length: 12 }, () => "null")],
  ];
  const shown = order === 0 ? rows : rows.toReversed();
  const create = [
    "id integer primary key",
    ...[
      ["i", t["int"]],
      ["d", engine === "SQLite" ? "decimal_text" : t["decimal"]],
      ["f", t["double"]],
      ["s", t["single"]],
      ["b", t["flag"]],
      ["t", t["text"]],
      ["x", t["bytes"]],
      ["dt", t["date"]],
      ["ts", t["time"]],
      ["tz", t["zone"]],
      ["tm", t["day"]],
      ["j", t["json"]],
    ].map(([name, type]) => `${name} ${type}`),
  ];
  // The order of the columns is no part of the data either.
  const turned = order === 0 ? create : [create[0] ?? "", ...create.slice(1).toReversed()];
  return `create table everything (${turned.join(", ")});
    ${shown.map((row) => `insert into everything (${columns.join(", ")}) values (${row.join(", ")});`).join("\n")}`;
}

test("every type, in every engine, in any order of rows and columns: one digest", async () => {
  const found: [string, string][] = [];
  for (const engine of ENGINES)
    for (const order of [0, 1])
      found.push([
        `${engine.name} ${order}`,
        (await digestsOf(engine, everything(engine.name, { order })))["everything"] ?? "",
      ]);
  expect(new Set(found.map(([, digest]) => digest)), JSON.stringify(found, null, 1)).toHaveProperty("size", 1);
});

describe.each(ENGINES)("$name", (engine) => {
  test("any difference makes another digest: a value, a row twice, a byte moved to the next cell, NULL for nothing", async () => {
    const base = "create table a (k integer, x varchar(20), y varchar(20));";
    const variants = [
      "insert into a values (1, 'ab', 'c'), (2, 'd', null);",
      "insert into a values (1, 'a', 'bc'), (2, 'd', null);",
      "insert into a values (1, 'ab', 'c'), (2, 'd', '');",
      "insert into a values (1, 'ab', 'c'), (2, 'd', null), (2, 'd', null);",
      "insert into a values (1, 'ab', 'c');",
      "insert into a values (1, 'ab', 'c'), (2, 'D', null);",
      "insert into a values (2, 'ab', 'c'), (1, 'd', null);",
      "",
    ];
    const digests = [];
    for (const rows of variants) digests.push((await digestsOf(engine, base + rows))["a"]);
    expect(new Set(digests).size).toBe(variants.length);
    expect(
      (await digestsOf(engine, `${base} insert into a values (2, 'd', null); insert into a values (1, 'ab', 'c');`))[
        "a"
      ],
    ).toBe(digests[0]);
  });

  test("tables without rows, and with names that want quoting", async () => {
    const quote = engine.name === "MariaDB" ? (name: string) => `\`${name}\`` : (name: string) => `"${name}"`;
    const digests = await digestsOf(
      engine,
      `create table ${quote("odd name; -- '")} (${quote("a b")} integer); create table empty_one (a integer);`,
    );
    expect(Object.keys(digests).toSorted()).toEqual(["empty_one", "odd name; -- '"]);
  });
});
