/** SQLite's primary keys may hold NULLs: such rows were created again by each import. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeDatabase } from "../../../support/sites/package.ts";
import { change, rowsOf } from "../../../support/portable/engines.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const directory = suiteDirectory("holdfast-null-key-");
let count = 0;

const SCHEMA = `
  create table kind (code text primary key, word text);
  create table pair (a text, b text, word text, primary key (a, b));
  create table whole (code text primary key, word text);
  create table thing (id integer primary key, name text not null unique, kind text references kind (code), whole text references whole);`;
const ROWS = `
  insert into kind values ('x', 'one'), (null, 'two'), (null, 'three');
  insert into pair values ('a', null, 'one'), ('a', 'b', 'two');
  insert into whole values ('x', 'one'), ('y', 'two');
  insert into thing values (1, 'first', 'x', 'y'), (2, 'second', null, null);`;

const make = (...sql: readonly string[]): string => makeDatabase(join(directory, `db-${++count}.db`), SCHEMA, ...sql);
async function portable(...args: string[]): Promise<Record<string, unknown>> {
  const { code, json, stderr } = await runInProcess("portable", [...args, "--json"]);
  return { code, stderr, ...(json.at(-1) as object) };
}
async function exported(url: string, keys: object = {}): Promise<Record<string, unknown> & { at: string }> {
  const at = join(directory, `export-${++count}`);
  const config = `${at}.yaml`;
  writeFileSync(config, `site: keys\nroot: .\nportable: ${JSON.stringify({ keys })}\n`);
  return { at, ...(await portable("export", "--config", config, "--database", url, "-o", at, "--no-timestamp")) };
}
const counts = async (url: string): Promise<string[]> =>
  await rowsOf(url, "select (select count(*) from kind), (select count(*) from pair), (select count(*) from whole)");

test("a primary key that is NULL in a row identifies nothing: a second import creates nothing, and no other row is overwritten", async () => {
  const { at, code } = await exported(make(ROWS));
  expect(code).toBe(0);
  const url = make();
  expect(await portable("import", at, "--database", url)).toMatchObject({ code: 0 });
  expect(await portable("import", at, "--database", url)).toMatchObject({
    code: 0,
    tables: expect.arrayContaining(
      [
        ["kind", 3],
        ["pair", 2],
        ["whole", 2],
      ].map(([table, unchanged]) => expect.objectContaining({ table, created: 0, unchanged })),
    ),
  });
  expect(await counts(url)).toEqual(["3|2|2"]);
  expect(await portable("verify", at, "--database", url)).toMatchObject({ code: 0, ok: true });
  expect(await rowsOf(url, "select kind, whole from thing order by name")).toEqual(["x|y", "null|null"]);
  await change(url, "update kind set word = 'else' where word = 'two'");
  expect(await portable("import", at, "--database", url)).toMatchObject({ code: 1, error_code: "E_IMPORT" });
  expect(await counts(url)).toEqual(["3|2|2"]);
});

test("one that could be NULL and is not is a key as before", async () => {
  const { at } = await exported(make("insert into whole values ('x', 'one')"));
  const url = make("insert into whole values ('x', 'old'), ('z', 'own')");
  expect(await portable("import", at, "--database", url)).toMatchObject({
    code: 0,
    tables: expect.arrayContaining([expect.objectContaining({ table: "whole", created: 0, updated: 1 })]),
  });
  expect(await rowsOf(url, "select code, word from whole order by code")).toEqual(["x|one", "z|own"]);
});

test("a key that the config names is refused where a row has NULL in it", async () => {
  for (const [keys, message] of [
    [{ kind: ["code"] }, "kind: rows with NULL in their key (code): 2"],
    [{ pair: ["a", "b"] }, "pair: rows with NULL in their key (a, b): 1"],
  ] as const)
    expect(await exported(make(ROWS), keys)).toMatchObject({ code: 1, error_code: "E_IMPORT", message });
});
