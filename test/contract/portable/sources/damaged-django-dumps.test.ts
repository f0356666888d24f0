/** Dumps of Django sites as they are found: packed otherwise, damaged, of columns that are called otherwise; every refusal names the record. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { runBuilt } from "../../../support/runs/backup.ts";
import { builtScript } from "../../../support/commands/build.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const SCHEMA = `create table shop_item (id integer primary key, code varchar(20) not null unique, stock integer check (stock >= 0), made timestamp null, photo blob,
  facts text check (json_valid("facts") or "facts" is null), shelf_id integer references shop_shelf (id)); create table shop_shelf (id integer primary key, label varchar(20) not null)`;

const engines = useEngines();
const directory = suiteDirectory("holdfast-django-broken-");
let files = 0;

interface Dumped {
  model: string;
  pk: unknown;
  fields: Record<string, unknown>;
}

const item = (pk: number, fields: Record<string, unknown> = {}): Dumped => ({
  model: "shop.item",
  pk,
  fields: { code: `i${pk}`, stock: 1, ...fields },
});
const shelf: Dumped = { model: "shop.shelf", pk: 1, fields: { label: "top" } };

/** In one line, as Django writes it. */
function write(content: string | Buffer | readonly Dumped[], name = "dump.json"): string {
  const file = join(directory, `${++files}`, name);
  mkdirSync(join(file, ".."));
  writeFileSync(file, typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return file;
}

const bring = async (file: string, url: string, ...more: string[]) =>
  await runInProcess("portable", ["import", file, "--database", url, ...more]);

test.each([
  ["bzip2", "dump.json.bz2"],
  ["xz", "dump.json.xz"],
])("a dump that Django packed with %s; one that was cut off is told of", async (program, name) => {
  const packed = execFileSync(program, ["-c"], { input: JSON.stringify([item(1), item(2)]) });
  const url = await engines.of("SQLite").make(SCHEMA);
  expect(await bring(write(packed.subarray(0, -20), name), url)).toMatchObject({
    code: 13,
    stderr: expect.stringContaining(`its ${program} data is damaged or truncated`) as unknown,
  });
  expect(await bring(write(packed, name), url)).toMatchObject({ code: 0, stderr: "" });
  expect(await rowsOf(url, "select code from shop_item order by 1")).toEqual(["i1", "i2"]);
});

test("JSON in a text with Django's check is what it was: a truth, a text, a number", async () => {
  const url = await engines.of("SQLite").make(SCHEMA);
  const values = [true, "5", "text", 7, { a: "\u0001" }, null];
  const records = values.map((facts, at) => item(at, { facts }));
  expect(await bring(write(records), url)).toMatchObject({ code: 0, stderr: "" });
  const found = await rowsOf(url, "select coalesce(facts, 'NULL') from shop_item order by id");
  expect(found).toEqual(["true", '"5"', '"text"', "7", String.raw`{"a": "\u0001"}`, "NULL"]);
});

describe("is refused, and the record is named", () => {
  const last = (fields: Record<string, unknown>): Dumped[] => [shelf, item(1), item(2, fields)];
  const bad = JSON.stringify(last({ code: "é" }));
  test.each([
    ["a date that is in no calendar", last({ made: "2023-02-29T00:00:00Z" }), /line 1: shop\.item 2: made expects /],
    ["an hour that no clock has", last({ made: "2023-02-28T24:00:00Z" }), /shop\.item 2: made expects /],
    ["a year that is none", last({ made: "0000-00-00T00:00:00Z" }), /shop\.item 2: made expects /],
    ["base64 that is none", last({ photo: "A*==" }), /shop\.item 2: photo expects base64, found "A\*=="/],
    ["half a character", last({ code: "x\ud800" }), /shop\.item 2: code expects text without unpaired surrogates/],
    [
      "half a character in JSON",
      last({ facts: ["\udc00"] }),
      /shop\.item 2: facts expects JSON without unpaired surrogates/,
    ],
    ["a link to nowhere", last({ shelf: 7 }), /shop_item id 2, shelf_id references shop_shelf 7/],
    ["a key that leads nowhere", last({ shelf: ["low"] }), /shop\.item 2 references the row \["low"\]/],
    ["a value that the database forbids", last({ stock: -1 }), /shop_item, row 2 of the export, \(i2\): .*CHECK/],
    [
      "a name that stands twice",
      bad.replace('"code":"é"', '"code":"a","code":"b"'),
      /line 1, after record 2 \(shop\.item 1\): .*"code" occurs twice/,
    ],
    [
      "a warning in the middle",
      bad.replace(',{"model":"shop.item","pk":2', "\nUserWarning: x$&"),
      /after record 2 \(shop\.item 1\): /,
    ],
    [
      "another encoding",
      Buffer.from(bad, "latin1"),
      /not valid UTF-8\): the last complete record is 2, .* shop\.item 1/,
    ],
  ])("%s", async (_name, content, words) => {
    const url = await engines.of("SQLite").make(SCHEMA);
    const { code, stderr } = await bring(write(content), url);
    expect(stderr).toMatch(words);
    expect(code).not.toBe(0);
    expect(await rowsOf(url, "select count(*) from shop_item")).toEqual(["0"]);
  });
});

test.each(NAMES)("a row that %s refuses is named, whether it is new or changed", async (name) => {
  const url = await engines
    .of(name)
    .make(
      "create table shop_item (id integer primary key, code varchar(20) not null unique, stock integer, check (stock <> 13))",
    );
  const many = Array.from({ length: 300 }, (_, at) => item(at + 1));
  const broken = many.map((one) => (one.pk === 222 ? item(222, { stock: 13 }) : one));
  const named = /shop_item, row 222 of the export, \(i222\): /;
  expect((await bring(write(broken), url)).stderr).toMatch(named);
  expect(await rowsOf(url, "select count(*) from shop_item")).toEqual(["0"]);
  expect((await bring(write(many), url)).code).toBe(0);
  expect((await bring(write(broken), url)).stderr).toMatch(named);
  expect(await rowsOf(url, "select count(*) from shop_item where stock = 1")).toEqual(["300"]);
});

test("portable.models says what a table and a column are called; a hint says which table has the fields", async () => {
  const url = await engines
    .of("SQLite")
    .make(
      'create table "Old Goods" (id integer primary key, "Kind of" varchar(9), code varchar(20) not null unique, stock integer)',
    );
  const file = write([item(1, { kind: "a" })]);
  expect((await bring(write([item(1, { "kind of": "a" })]), url)).stderr).toContain("perhaps Old Goods");
  const config = join(directory, "site.yaml");
  writeFileSync(
    config,
    `site: shop\nroot: ${directory}\nportable:\n  models: { shop.Item: Old Goods, shop.Item.kind: Kind of }\n`,
  );
  expect(await bring(file, url, "--config", config)).toMatchObject({ code: 0, stderr: "" });
  expect(await rowsOf(url, 'select "Kind of", code from "Old Goods"')).toEqual(["a|i1"]);
});

test("PostgreSQL's own types as Django writes them: arrays of arrays, ranges, addresses; an invalid value is named", async () => {
  const url = await engines
    .of("PostgreSQL")
    .make(
      "create table shop_item (id integer primary key, grid varchar(9)[][], days timestamptz[], span int4range, ip inet, facts jsonb)",
    );
  const fields = {
    grid: JSON.stringify([JSON.stringify(["a", "b,c"]), JSON.stringify(['"', "\\"])]),
    days: JSON.stringify(["2024-01-01T00:00:00+00:00", null]),
    span: JSON.stringify({ lower: "1", upper: null, bounds: "[)" }),
    ip: "::1",
    facts: true,
  };
  const dump = (more: Record<string, unknown>): Dumped[] => [
    { model: "shop.item", pk: 1, fields: { ...fields, ...more } },
  ];
  expect((await bring(write(dump({ span: '{"lower": "x"}' })), url)).stderr).toMatch(
    /dump\.json, line 1: .*span has the invalid value/,
  );
  expect((await bring(write(dump({ facts: ["\u0000"] })), url)).stderr).toMatch(/line 1: shop\.item 1: facts expects /);
  const file = write(dump({}));
  expect(await bring(file, url)).toMatchObject({ code: 0, stderr: "" });
  expect(await rowsOf(url, "select grid[1][2], grid[2][1], array_ndims(grid), span, ip, facts from shop_item")).toEqual(
    ['b,c|"|2|[1,)|::1|true'],
  );
  expect(await runInProcess("portable", ["verify", file, "--database", url])).toMatchObject({ code: 0 });
});

test("an empty dump is imported only with --force", async () => {
  const url = await engines.of("SQLite").make(SCHEMA);
  const { code, stderr } = await bring(write("[]"), url);
  expect({ code, stderr }).toMatchObject({
    code: 14,
    stderr: expect.stringContaining("the source has no records") as unknown,
  });
  expect((await bring(write("[]"), url, "--force")).code).toBe(0);
});

test("what a killed import left of a dump in TMPDIR goes at the next one", async () => {
  const url = await engines.of("SQLite").make(SCHEMA);
  const file = write(Array.from({ length: 30_000 }, (_, at) => item(at + 1)));
  const temporary = join(directory, "tmp");
  mkdirSync(temporary);
  const env = { TMPDIR: temporary };
  const running = execa("node", [builtScript("portable"), "import", file, "--database", url], { env, reject: false });
  await expect.poll(() => readdirSync(temporary), { timeout: 20_000, interval: 20 }).toHaveLength(1);
  running.kill("SIGKILL");
  await running;
  expect(readdirSync(temporary)).toHaveLength(1);
  const { code } = await runBuilt("portable", ["import", write([item(1)]), "--database", url], { env });
  expect(code).toBe(0);
  expect(readdirSync(temporary)).toEqual([]);
});
