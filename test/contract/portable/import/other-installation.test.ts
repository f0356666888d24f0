/** Rows that are known by their number alone are other rows in another installation; and what only values tell is found before an import. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FORMAT_VERSION } from "../../../../lib/model/unit.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeDatabase } from "../../../support/sites/package.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { tempDirectory } from "../../../support/temp.ts";

const { make } = useEngines();

const SCHEMA = `
  create table note (id integer primary key, text text, parent_id integer references note (id));
  create table remark (id integer primary key, code text not null unique, note_id integer references note (id));`;
const OURS = "insert into note values (1, 'ours', null), (2, 'two', 1); insert into remark values (1, 'a', 1);";
const THEIRS = "insert into note values (1, 'theirs', null), (3, 'three', null);";

interface Site {
  readonly url: string;
  readonly config: string;
}

/** A database, and a config that says of which installation it is. */
function site(instance: string | undefined, ...sql: readonly string[]): Site {
  const directory = tempDirectory();
  const url = makeDatabase(join(directory, "site.db"), SCHEMA, ...sql);
  const config = join(directory, "site.yaml");
  const portable = instance === undefined ? {} : { instance };
  writeFileSync(config, `site: s\nroot: ${directory}\nportable: ${JSON.stringify(portable)}\n`);
  return { url, config };
}

async function portable(verb: string, { url, config }: Site, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runInProcess("portable", [
    verb,
    ...args,
    "--config",
    config,
    "--database",
    url,
  ]);
  return { code, said: `${stderr}${stdout}` };
}

async function exported(from: Site): Promise<string> {
  const at = join(tempDirectory(), "export");
  expect(await portable("export", from, "-o", at, "--no-timestamp")).toMatchObject({ code: 0 });
  return at;
}

const notes = async ({ url }: Site): Promise<string[]> => await rowsOf(url, "select id, text from note order by id");

test.each([
  ["no installation is known", undefined, undefined],
  ["the export's alone is known", "a", undefined],
  ["it is another one's", "a", "b"],
])("other rows of the same numbers are not overwritten: %s", async (_what, from, to) => {
  const at = await exported(site(from, OURS));
  for (const mode of ["create-or-update", "create-only", "update-only"]) {
    const other = site(to, THEIRS);
    const { code, said } = await portable("import", other, at, "--mode", mode);
    expect(code).toBe(1);
    expect(said).toContain("note: 1 row is identified by generated id alone, and other rows have these ids here: (1)");
    expect(said).toContain("--into-other overrides this check");
    expect(await notes(other)).toEqual(["1|theirs", "3|three"]);
    expect(await portable("check", other, at, "--values")).toMatchObject({ code: 14 });
  }
  const other = site(to, THEIRS);
  expect(await portable("import", other, at, "--into-other")).toMatchObject({ code: 0 });
  expect(await notes(other)).toEqual(["1|ours", "2|two", "3|three"]);
});

test("the export's own installation, an empty database, and the very same rows take it", async () => {
  const at = await exported(site("a", OURS));
  const own = site("a", THEIRS);
  expect(await portable("import", own, at)).toMatchObject({ code: 0 });
  expect(await notes(own)).toEqual(["1|ours", "2|two", "3|three"]);
  const empty = site("b");
  for (const created of [2, 0]) {
    const { code, said } = await portable("import", empty, at);
    expect([code, new RegExp(`^note +${created} `, "m").test(said)]).toEqual([0, true]);
  }
  expect(await notes(empty)).toEqual(["1|ours", "2|two"]);
});

test("without portable.instance it is the store at dest that says which installation a database is of", async () => {
  const ofStore = (id: string | undefined, sql: string): Site => {
    const made = site(undefined, sql);
    const dest = tempDirectory();
    mkdirSync(join(dest, "store"));
    const store = { format_version: FORMAT_VERSION, id, site: "s", created_at: "2026-01-01T00:00:00.000Z" };
    if (id !== undefined) writeFileSync(join(dest, "store", "store.json"), JSON.stringify(store));
    writeFileSync(made.config, `site: s\nroot: .\ndest: ${join(dest, "store")}\n`);
    return made;
  };
  const id = "0c5e51f0-38c1-4d9a-9a66-0b9a3c6e7f10";
  const at = await exported(ofStore(id, OURS));
  expect(JSON.parse(readFileSync(join(at, "manifest.json"), "utf8"))).toMatchObject({ source: { instance: id } });
  expect(await portable("import", ofStore(id, THEIRS), at)).toMatchObject({ code: 0 });
  for (const other of [id.replace("0c", "1c"), undefined])
    expect(await portable("import", ofStore(other, THEIRS), at)).toMatchObject({ code: 1 });
});

test("a foreign key that differs and refers to its own table is reported too", async () => {
  const at = await exported(site("a", OURS));
  const other = site("b", "insert into note values (1, 'ours', null), (2, 'two', null);");
  expect(await portable("import", other, at)).toMatchObject({ code: 1, said: expect.stringContaining("(2)") });
});

test("a foreign key by primary key to rows that are not exported is refused", async () => {
  const at = await exported(site("a", OURS));
  const other = site("b", THEIRS);
  const { code, said } = await portable("import", other, at, "--models", "remark");
  expect([code, await rowsOf(other.url, "select count(*) from remark")]).toEqual([1, ["0"]]);
  expect(said).toContain("remark: 1 row references note by note_id; its rows are identified by generated id alone");
  expect(await portable("import", site("a", OURS), at, "--models", "remark")).toMatchObject({ code: 0 });
});

test("check --values and import --validate find what only values tell, and change nothing", async () => {
  const directory = tempDirectory();
  const make = (name: string, ...sql: readonly string[]): Site => ({
    url: makeDatabase(join(directory, name), ...sql),
    config: site(undefined).config,
  });
  const good = make("good.db", "create table t (id integer primary key, n text not null unique); insert into t values (1, 'x');");
  const bad = make("bad.db", "create table t (id integer primary key, n integer not null unique);");
  const fine = make("fine.db", "create table t (id integer primary key, n text not null unique);");
  const at = await exported(good);
  const schemaOnly = await portable("check", bad, at);
  expect(schemaOnly.code).toBe(0);
  expect(schemaOnly.said).toContain("The values were not checked: --values");
  expect(schemaOnly.said).not.toContain("fully compatible");
  for (const args of [["check", "--values"], ["import", "--validate"]] as const) {
    const [verb, flag] = args;
    expect(await portable(verb, bad, at, flag)).toMatchObject({ code: 14, said: expect.stringContaining("t.n expects") });
    const { code, said } = await portable(verb, fine, at, flag);
    expect(code).toBe(0);
    expect(said).toContain("fully compatible");
    expect(await rowsOf(fine.url, "select count(*) from t")).toEqual(["0"]);
  }
  expect(await portable("import", bad, at, "--validate", "--no-values")).toMatchObject({ code: 0 });
  expect(await portable("import", bad, at, "--values")).toMatchObject({ code: 2 });
}); // prettier-ignore

test("portable.exclude counts for an import: such tables stay as they are, also where the export does not have them", async () => {
  const at = await exported(site("a", OURS));
  const other = site("a", THEIRS);
  writeFileSync(other.config, "site: s\nroot: .\nportable: { instance: a, exclude: [remark, elsewhere] }\n");
  expect(await portable("import", other, at)).toMatchObject({ code: 0 });
  expect(await rowsOf(other.url, "select (select count(*) from remark), (select count(*) from note)")).toEqual(["0|3"]);
});

test.each(["PostgreSQL", "MariaDB"] as const)("%s: rows identified by their primary key alone stay what they are, in each mode, and no foreign key refers to them", async (name) => {
  const id = name === "PostgreSQL" ? "serial" : "integer auto_increment";
  const schema = `create table note (id ${id} primary key, text varchar(9), parent_id integer, foreign key (parent_id) references note (id));
    create table remark (id ${id} primary key, code varchar(9) not null unique, note_id integer, foreign key (note_id) references note (id));`;
  const { config } = site("a");
  const at = await exported({ url: await make(name, `${schema} ${OURS}`), config });
  const other = { url: await make(name, `${schema} ${THEIRS}`), config: site("b").config };
  const more = "is identified by generated id alone";
  for (const mode of ["create-or-update", "create-only", "update-only"]) {
    const { code, said } = await portable("import", other, at, "--mode", mode);
    expect([code, said]).toEqual([1, expect.stringContaining(`note: 1 row ${more}, and other rows have these ids here: (1)`)]);
  }
  const linked = await portable("import", other, at, "--models", "remark");
  expect([linked.code, linked.said]).toEqual([1, expect.stringMatching(/remark: 1 row references (public\.)?note by note_id; its rows are identified by generated id alone/)]);
  expect(await notes(other)).toEqual(["1|theirs", "3|three"]);
  const lessLinked = { url: await make(name, `${schema} insert into note values (1, 'ours', null), (2, 'two', null);`), config: other.config };
  expect(await portable("import", lessLinked, at)).toMatchObject({ code: 1, said: expect.stringContaining("(2)") });
  expect(await portable("import", { ...other, config }, at)).toMatchObject({ code: 0 });
  expect(await notes(other)).toEqual(["1|ours", "2|two", "3|three"]);
}); // prettier-ignore
