/** Kinds of imports that ended well and left wrong rows: each comes through as it was, or is refused before anything is written. */
import { describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { rowsOf, useEngines, type PortableEngine } from "../../../support/portable/engines.ts";
import { bring, exportOf, refusal } from "../../../support/portable/script.ts";

type Name = PortableEngine["name"];
const { make } = useEngines();

describe("PostgreSQL: a table and one that inherits from it", () => {
  const SCHEMA = `
    create table town (id serial primary key, name text unique not null, pop int);
    create table seat (state text, unique (name), primary key (id)) inherits (town);
    create table street (id serial primary key, name text unique not null, town_id int references town (id));
    create table loose (n int); create table looser () inherits (loose);`;
  const ROWS = `
    insert into town (name, pop) values ('Elm', 10), ('Oak', 20);
    insert into seat (name, pop, state) values ('Elm', 99, 'XX'), ('Pine', 5, 'YY');
    insert into street (name, town_id) values ('High Street', 1);
    insert into loose values (1); insert into looser values (2), (2);`;
  const townsOf = async (url: string): Promise<string[]> =>
    await rowsOf(url, "select tableoid::regclass::text, name, pop from town order by 1, 2");
  const ALL = ["seat|Elm|99", "seat|Pine|5", "town|Elm|10", "town|Oak|20"];

  test.each([
    ["an empty database", ""],
    ["rows of the parent alone", "insert into town (id, name, pop) values (7, 'Elm', 1);"],
    ["rows of the child alone", "insert into seat (id, name, pop, state) values (7, 'Elm', 1, 'ZZ'), (8, 'Oak', 1, 'ZZ');"],
  ])("rows stay apart: into %s", async (_what, before) => {
    const output = await exportOf(await make("PostgreSQL", SCHEMA + ROWS));
    const url = await make("PostgreSQL", SCHEMA + before);
    if (before.includes("seat")) {
      expect(await refusal("import", output, "--database", url)).toBe("");
      expect(await townsOf(url)).toEqual([ALL[0], "seat|Oak|1", ...ALL.slice(1)]);
    } else {
      await bring(output, url);
      expect(await townsOf(url)).toEqual(ALL);
    }
    expect(await rowsOf(url, "select t.name from street s join only town t on t.id = s.town_id")).toEqual(["Elm"]);
    expect(await rowsOf(url, "select tableoid::regclass::text, n from loose order by 2")).toEqual(["loose|1", "looser|2", "looser|2"]);
  }); // prettier-ignore

  test("--clear-existing of the parent leaves the child's rows", async () => {
    const output = await exportOf(await make("PostgreSQL", SCHEMA + ROWS));
    const url = await make("PostgreSQL", `${SCHEMA} insert into seat (name, pop, state) values ('Bay', 2, 'ZZ');`);
    expect(await refusal("import", output, "--database", url, "--models", "town", "--clear-existing", "--yes")).toBe("");
    expect(await townsOf(url)).toEqual(["seat|Bay|2", "town|Elm|10", "town|Oak|20"]);
  }); // prettier-ignore

  test("reconcile merges the rows of the table alone", async () => {
    const url = await make(
      "PostgreSQL",
      `create table place (id serial primary key, name text); create table site (primary key (id)) inherits (place);
       insert into place (id, name) values (1, 'a'), (2, 'A'); insert into site (id, name) values (2, 'other');`,
    );
    const { code } = await runInProcess("portable", ["reconcile", "--table", "place", "--by", "name", "--database", url, "--yes"]);
    expect(code).toBe(0);
    expect(await rowsOf(url, "select tableoid::regclass::text, id, name from place order by 1, 2")).toEqual(["place|1|a", "site|2|other"]);
  }); // prettier-ignore
});

describe("two of an export with one place in the database", () => {
  const client = "(id serial primary key, name text unique not null)";
  const kept = "create table client (id integer primary key, name text unique not null)";
  const refused = async (from: string, to: string, ...flags: readonly string[]): Promise<[string, string]> => {
    const output = await exportOf(await make("PostgreSQL", from));
    const url = await make("SQLite", to);
    const words = await Promise.all(["import", "check"].map(async (verb) => {
      const { code, stdout, stderr } = await runInProcess("portable", [verb, output, "--database", url, ...flags]);
      expect(code).toBe(14);
      return `${stderr}${stdout}`;
    }));
    return [words[0] ?? "", words[1] ?? ""];
  }; // prettier-ignore

  test.each([
    [
      "tables of two schemas",
      `create schema a; create schema b; create table a.client ${client}; create table b.client ${client}; insert into a.client (name) values ('ann'); insert into b.client (name) values ('bob');`,
      kept,
      "a.client and b.client both map to client",
    ],
    [
      "tables whose names differ by case",
      `create table "Client" ${client}; create table client ${client}; insert into "Client" (name) values ('ann'); insert into client (name) values ('bob');`,
      kept,
      "public.Client and public.client both map to client",
    ],
    [
      "columns",
      `create table client (id serial primary key, name text unique not null, "nickName" text, nick_name text); insert into client (name, "nickName", nick_name) values ('ann', 'a', 'b');`,
      `${kept.slice(0, -1)}, nick_name text)`,
      "nickName and nick_name of public.client both map to client.nick_name",
    ],
  ])("%s", async (_what, from, to, message) => {
    for (const words of await refused(from, to)) expect(words).toContain(message);
  });

  test("a link to a table that stays behind does not lead into the other", async () => {
    const from = `create schema a; create schema b; create table a.client ${client}; create table b.client ${client};
      create table bill (id serial primary key, no text unique not null, of int references b.client (id)); insert into b.client (name) values ('bob'); insert into bill (no, of) values ('1', 1);`;
    const to = `${kept}; create table bill (id integer primary key, no text unique not null, of int references client (id)); insert into client values (1, 'bob');`;
    for (const words of await refused(from, to, "--exclude", "b.client")) expect(words).toContain("a.client and b.client both map to client");
  }); // prettier-ignore

  test("one of them alone is brought in", async () => {
    const output = await exportOf(
      await make("PostgreSQL", `create schema a; create schema b; create table a.client ${client}; create table b.client ${client}; insert into a.client (name) values ('ann'); insert into b.client (name) values ('bob');`),
    );
    const url = await make("SQLite", kept);
    expect(await refusal("import", output, "--database", url, "--models", "b.client")).toBe("");
    expect(await rowsOf(url, "select name from client")).toEqual(["bob"]);
  }); // prettier-ignore
});

describe("rows that a mode passes over need no rows that they lead to", () => {
  const table = (name: Name, more: string, ...rows: readonly string[]): string => {
    const id = { PostgreSQL: "serial", MariaDB: "integer auto_increment", SQLite: "integer" }[name];
    return `create table p (id ${id} primary key, n varchar(9) not null unique, v integer);
      create table c (id ${id} primary key, n varchar(9) not null unique, p_id integer${more} references p (id), v integer);
      create table d (id ${id} primary key, p_id integer not null references p (id), n varchar(9) not null, v integer, unique (p_id, n)); ${rows.join(" ")}`;
  };
  const FULL = [
    "insert into p values (1, 'p1', 10), (2, 'p2', 20), (3, 'p3', 30);",
    "insert into c values (1, 'c1', 1, 10), (2, 'c2', 2, 20);",
    "insert into d values (1, 1, 'd', 10), (2, 2, 'd', 20), (3, 3, 'd', 30);",
  ];
  const values = async (url: string): Promise<string[]> =>
    await rowsOf(url, "select n, v from p union all select n, v from c union all select n, v from d order by 1");

  test.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("%s: --mode update-only passes over new rows with new parents", async (name) => {
    const output = await exportOf(await make(name, table(name, " not null", ...FULL)));
    const url = await make(name, table(name, " not null", "insert into p values (7, 'p1', 1);", "insert into c values (7, 'c1', 7, 1);", "insert into d values (7, 7, 'd', 1);"));
    expect(await refusal("import", output, "--database", url, "--mode", "update-only")).toBe("");
    expect(await values(url)).toEqual(["c1|10", "d|10", "p1|10"]);
    // A row that is there, and would lead to one that is not, is refused.
    const other = await make(name, table(name, "", "insert into p values (7, 'p1', 1);", "insert into c values (7, 'c2', 7, 1);"));
    expect(await refusal("import", output, "--database", other, "--mode", "update-only")).toContain("c: 1 row references missing rows of");
    expect(await values(other)).toEqual(["c2|1", "p1|1"]);
  });

  test("--mode create-only passes over rows that are there, wherever they lead", async () => {
    const output = await exportOf(await make("SQLite", table("SQLite", " not null", ...FULL)));
    const url = await make("SQLite", table("SQLite", " not null", "insert into p values (7, 'own', 1);", "insert into c values (7, 'c1', 7, 1), (8, 'c2', 7, 2);"));
    expect(await refusal("import", output, "--database", url, "--models", "c", "--mode", "create-only")).toBe("");
    expect(await values(url)).toEqual(["c1|1", "c2|2", "own|1"]);
  });
}); // prettier-ignore
