/** A package into the data of another installation: rows that are known by their number alone are other rows there. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { rowsOf, useEngines, type PortableEngine } from "../../support/portable/engines.ts";
import { runSql } from "../../support/sqlite.ts";
import { tempDirectory } from "../../support/temp.ts";

const { make } = useEngines();
const ENGINES: readonly PortableEngine["name"][] = ["PostgreSQL", "MariaDB", "SQLite"];

const schemaOf = (name: PortableEngine["name"]): string => {
  const id = { PostgreSQL: "serial", MariaDB: "integer auto_increment", SQLite: "integer" }[name];
  return `create table note (id ${id} primary key, body varchar(60)); create table remark (id ${id} primary key, code varchar(9) not null unique, note_id integer references note (id));`;
};
const OURS = "insert into note values (1, 'ours'), (2, 'two'); insert into remark values (1, 'a', 1);";
const THEIRS = "insert into note values (1, 'theirs'), (3, 'three');";

/** A config of this installation, with a store of its own, beside the database. */
function configOf(instance: string | undefined, url: string): string {
  const root = tempDirectory();
  const config = join(root, "site.yaml");
  const portable = instance === undefined ? {} : { instance };
  writeFileSync(
    config,
    `site: notes\nroot: ${root}\ndest: ${join(root, "store")}\ndatabase: ${JSON.stringify({ url })}\nportable: ${JSON.stringify(portable)}\n`,
  );
  return config;
}

async function packed(instance: string | undefined, url: string): Promise<string> {
  const file = join(tempDirectory(), "site.tgz");
  const { code, stderr } = await runInProcess("portable", ["package", "--config", configOf(instance, url), "-o", file]);
  expect([code, stderr]).toMatchObject([0, expect.any(String)]);
  return file;
}

async function restored(file: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runInProcess("restore", ["--package", file, ...args]);
  return { code, said: `${stderr}${stdout}` };
}

const inPlace = (config: string): string[] => ["--in-place", "--config", config, "--yes"];
const beside = (url: string): string[] => ["--to", join(tempDirectory(), "to"), "--database", url];
const notes = async (url: string): Promise<string[]> => await rowsOf(url, "select id, body from note order by id");

test.each(ENGINES)("%s: other rows of the same numbers are not overwritten, unless --into-other is given", async (name) => {
  const file = await packed("a", await make(name, schemaOf(name) + OURS));
  const other = await make(name, schemaOf(name) + THEIRS);
  for (const to of [beside(other), [...beside(other), "--dry-run"], inPlace(configOf(undefined, other)), inPlace(configOf("b", other))]) {
    const { code, said } = await restored(file, ...to);
    expect([code, said]).toMatchObject([1, expect.stringMatching(/note: 1 row is identified by generated id alone, and other rows have these ids here: \(1\)[^]*--into-other overrides this check/)]);
    expect(await notes(other)).toEqual(["1|theirs", "3|three"]);
    expect(await rowsOf(other, "select count(*) from remark")).toEqual(["0"]);
  }
  expect(await restored(file, ...beside(other), "--into-other")).toMatchObject({ code: 0 });
  expect(await notes(other)).toEqual(["1|ours", "2|two", "3|three"]);
}); // prettier-ignore

test.each(ENGINES)("%s: the package's own installation, an empty database and the same rows take it", async (name) => {
  const file = await packed("a", await make(name, schemaOf(name) + OURS));
  const own = await make(name, schemaOf(name) + THEIRS);
  expect(await restored(file, ...inPlace(configOf("a", own)))).toMatchObject({ code: 0 });
  expect(await notes(own)).toEqual(["1|ours", "2|two", "3|three"]);
  const empty = await make(name, schemaOf(name));
  for (let times = 0; times < 2; times++) expect(await restored(file, ...beside(empty))).toMatchObject({ code: 0 });
  expect(await notes(empty)).toEqual(["1|ours", "2|two"]);
});

test("the store is the installation where no name is given; --into-other without a database is refused", async () => {
  const url = await make("SQLite", schemaOf("SQLite") + OURS);
  const config = configOf(undefined, url);
  expect(await runBuilt("backup_db", ["--config", config])).toMatchObject({ code: 0 });
  const file = join(tempDirectory(), "site.tgz");
  expect(await runInProcess("portable", ["package", "--config", config, "-o", file])).toMatchObject({ code: 0 });
  runSql(url.slice("sqlite:///".length), "update note set body = 'changed since' where id = 1");
  expect(await restored(file, ...inPlace(config))).toMatchObject({ code: 0 });
  expect(await notes(url)).toEqual(["1|ours", "2|two"]);
  const to = ["--to", join(tempDirectory(), "to"), "--into-other"];
  expect(await restored(file, ...to)).toMatchObject({ code: 2, said: expect.stringContaining("--into-other has no effect without --database or --in-place") });
}); // prettier-ignore
