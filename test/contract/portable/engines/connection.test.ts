/** What every connection of the portable engine promises, on each engine. */
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { connect } from "../../../../lib/portable/engines/connect.ts";
import type { Connection } from "../../../../lib/portable/engine/connection.ts";
import type { Cell, Row } from "../../../../lib/portable/engine/session.ts";
import { change, on, useEngines } from "../../../support/portable/engines.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const engines = useEngines();

const TABLE = {
  PostgreSQL: "create table item (id bigint primary key, name text, data bytea, price numeric(30,10), score double precision, happened timestamptz);",
  MariaDB: "create table item (id bigint primary key, name longtext, data longblob, price decimal(30,10), score double, happened timestamp(6) null);",
  SQLite: "create table item (id bigint primary key, name text, data blob, price text, score double, happened text);",
} as const; // prettier-ignore

const TEXTS = [
  "",
  " trailing ",
  "\\N",
  "\\",
  "\t\n\r",
  'it\'s ? "quoted"',
  "🎧é",
  "NULL",
  "\u2028",
  "k".repeat(100_000),
];
const ROWS: readonly Row[] = [
  ...TEXTS.map((text, at): Row => [String(at), text, Buffer.from(text), "0.0000000001", 0.1, "2024-02-29 23:59:59.999999"]),
  ["9223372036854775807", null, Buffer.from(Array.from({ length: 256 }, (_none, at) => at)), "12345678901234567890.0123456789", 1e308, null],
  ["-9223372036854775808", null, Buffer.alloc(0), "-0.5000000000", -2.5, null],
]; // prettier-ignore

const COLUMNS = ["id", "name", "data", "price", "score", "happened"];
const SELECT = "select id, name, data, price, score, happened from item order by id";
const sorted = ROWS.toSorted((a, b) => (BigInt(String(a[0])) < BigInt(String(b[0])) ? -1 : 1));
/** A time says its zone on PostgreSQL; SQLite tells numbers by their type. */
const plain = (cell: Cell): Cell | string =>
  cell === null || Buffer.isBuffer(cell) ? cell : String(cell).replace(/^(\d{4}-.*)\+00$/, "$1");
const asTold = (rows: readonly Row[]): unknown[] =>
  rows.map((row) => row.map((cell, at) => (at === 4 ? Number(cell) : plain(cell))));

async function* oneBatch(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows;
}

async function all(connection: Connection, sql: string, parameters?: readonly Cell[]): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of connection.stream(sql, parameters)) rows.push(...batch);
  return rows;
}

describe.each(NAMES)("a connection with %s", (name) => {
  const make = async (): Promise<string> => await engines.of(name).make(TABLE[name]);
  const targetOf = (url: string) => ({ url, execPrefix: [], root: "/" });

  test("gives values exactly as they went in: loaded, as parameters, in one answer and in a stream", async () => {
    const url = await make();
    await on(url, "write", async (connection) => {
      expect(await connection.load("item", COLUMNS, oneBatch(ROWS))).toBe(ROWS.length);
      await connection.run("commit");
    });
    await on(url, "read", async (connection) => {
      expect(asTold(await connection.rows(SELECT))).toEqual(asTold(sorted));
      expect(asTold(await all(connection, SELECT))).toEqual(asTold(sorted));
      for (const text of TEXTS)
        expect(await connection.rows("select count(*) from item where name = ?", [text])).not.toEqual([["0"]]);
    });
  });

  test("fills in a ? only where one stands for a value", async () => {
    await on(await make(), "read", async (connection) => {
      const column = connection.quote("what?");
      const sql = `select '?' as ${column}, ? as b, 'it''s ?' as c /* ? */ -- ?\n from (select 1) as one where 'x' = ?`;
      expect(await connection.rows(sql, ["y'?", "x"])).toEqual([["?", "y'?", "it's ?"]]);
      expect(await all(connection, sql, ["y'?", "x"])).toEqual([["?", "y'?", "it's ?"]]);
    });
  });

  test("for reading sees one moment while others write, and can write nothing", async () => {
    const url = await make();
    await change(url, "insert into item (id, name) values (1, 'before')");
    if (name === "SQLite") await change(url, "commit", "pragma journal_mode = wal", "begin");
    await on(url, "read", async (connection) => {
      const before = "select name from item order by id";
      await change(url, "update item set name = 'after'", "insert into item (id) values (2)");
      expect(await connection.rows(before)).toEqual([["before"]]);
      await expect(connection.run("insert into item (id) values (3)")).rejects.toMatchObject({ code: "E_DATABASE" });
      await expect(connection.run("create table other (id integer)")).rejects.toMatchObject({ code: "E_DATABASE" });
    });
    await on(url, "read", async (connection) => {
      expect(await connection.rows("select id, name from item order by id")).toEqual(
        name === "SQLite" ? [[1n, "after"], [2n, null]] : [["1", "after"], ["2", null]],
      ); // prettier-ignore
    });
  });

  test("for writing takes back what was not committed, also where its caller was cut off", async () => {
    const url = await make();
    await on(url, "write", async (connection) => await connection.run("insert into item (id) values (1)"));
    const abort = new AbortController();
    const connection = await connect(targetOf(url), "write", abort.signal);
    await connection.run("insert into item (id) values (2)");
    abort.abort();
    await expect(connection.run("commit")).rejects.toMatchObject({ code: expect.anything() as unknown });
    await connection.close();
    await on(url, "write", async (next) => expect(Number((await next.rows("select count(*) from item"))[0]?.[0])).toBe(0)); // prettier-ignore
  });

  test.skipIf(name === "SQLite")("never says its password", async () => {
    const url = await make();
    const [, password = ""] = /:([^:@/]+)@/.exec(url) ?? [];
    expect(password).not.toBe("");
    const wrong = url.replace(password, `wrong${password}`);
    const failures = [
      async () => await connect(targetOf(wrong), "read", new AbortController().signal),
      async () => await connect(targetOf(`${url}x`), "read", new AbortController().signal),
      async () =>
        await on(url, "read", async (connection) => await connection.rows(`select '${password}' from nothing`)),
    ];
    for (const failure of failures) {
      const error: unknown = await failure().then(
        (): unknown => undefined,
        (caught: unknown) => caught,
      );
      expect(error).toMatchObject({ code: "E_DATABASE" });
      expect(String(error)).not.toContain(password);
    }
  });
});

describe.each(["PostgreSQL", "MariaDB"] as const)("a statement at work on %s", (name) => {
  test("is cancelled on the server when the caller is", async () => {
    const url = await engines.of(name).make(TABLE[name]);
    const slow = { PostgreSQL: "select pg_sleep(600)", MariaDB: "select sleep(600)" }[name];
    const working = {
      PostgreSQL: "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and query like '%sleep(600)%'",
      MariaDB: "select count(*) from information_schema.processlist where db = database() and id <> connection_id() and info like '%sleep(600)%'",
    }[name]; // prettier-ignore
    const abort = new AbortController();
    const connection = await connect({ url, execPrefix: [], root: "/" }, "read", abort.signal);
    const failed = expect(connection.rows(slow)).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    const count = async (): Promise<string> =>
      await on(url, "read", async (other) => String((await other.rows(working))[0]?.[0]));
    while ((await count()) === "0") await wait(50);
    abort.abort();
    await failed;
    await connection.close();
    let left = "1";
    for (let attempt = 0; attempt < 100 && left !== "0"; attempt++) {
      await wait(50);
      left = await count();
    }
    expect(left).toBe("0");
  });
});
