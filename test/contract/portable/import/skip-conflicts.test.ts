/** `--skip-conflicts`: a row that breaks a unique constraint is passed over, and no row leads to another one in its place. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rowsOf, useEngines, type PortableEngine } from "../../../support/portable/engines.ts";
import { portableScript, refusal } from "../../../support/portable/script.ts";
import { tempDirectory } from "../../../support/temp.ts";

type Name = PortableEngine["name"];
const { make } = useEngines();
const ENGINES: readonly Name[] = ["PostgreSQL", "MariaDB", "SQLite"];
const { run } = portableScript<{ tables: { table: string; created: number; updated: number; skipped: number }[] }>();

const idOf = (name: Name): string =>
  ({ PostgreSQL: "serial primary key", MariaDB: "integer auto_increment primary key", SQLite: "integer primary key" })[name]; // prettier-ignore

/** Parents are known by `slug`, and `code` is what they conflict by. */
const schemaOf = (name: Name): string => `
  create table parent (id ${idOf(name)}, code varchar(9) not null unique, slug varchar(9) not null unique);
  create table child (id ${idOf(name)}, n varchar(9) not null unique, parent_id integer not null references parent (id));
  create table maybe (id ${idOf(name)}, n varchar(9) not null unique, parent_id integer references parent (id));
  create table part (id ${idOf(name)}, parent_id integer not null references parent (id), n varchar(9) not null, unique (parent_id, n));
  create table grandchild (id ${idOf(name)}, n varchar(9) not null unique, child_id integer not null references child (id));
  create table guardless (id ${idOf(name)}, n varchar(9) not null unique, parent_id integer);`;
const ROWS = `
  insert into parent values (1, 'a', 'one'), (2, 'b', 'two'), (3, 'c', 'three');
  insert into child values (1, 'c1', 1), (2, 'c2', 2), (3, 'c3', 3); insert into maybe values (1, 'm1', 1), (2, 'm2', 2), (3, 'm3', null);
  insert into part values (1, 1, 'x'), (2, 2, 'x'); insert into grandchild values (1, 'g1', 1), (2, 'g2', 2);
  insert into guardless values (1, 'u1', 1), (2, 'u2', 2);`;

/** Where the rows lead, in the order of their tables. */
const LED = ["child", "maybe", "part", "guardless"]
  .map((table) => `select '${table}', x.n, p.slug, x.parent_id from ${table} x left join parent p on p.id = x.parent_id`)
  .join(" union all "); // prettier-ignore
const led = async (url: string): Promise<string[]> =>
  (await rowsOf(url, `${LED} order by 1, 2`)).map((row) => row.replace(/\|[^|]*$/, ""));

function configOf(portable: object): string {
  const config = join(tempDirectory(), "site.yaml");
  writeFileSync(config, `site: s\nroot: .\nportable: ${JSON.stringify(portable)}\n`);
  return config;
}

async function exported(url: string, portable: object): Promise<string> {
  const at = join(tempDirectory(), "export");
  expect(await refusal("export", "--database", url, "--config", configOf(portable), "-o", at, "--no-timestamp")).toBe(
    "",
  );
  return at;
}

const counts = (tables: readonly { table: string; created: number; skipped: number }[]): Record<string, number[]> =>
  Object.fromEntries(tables.map(({ table, created, skipped }) => [table.replace("public.", ""), [created, skipped]]));

test.each(ENGINES)("%s: what leads to a row that was passed over is passed over too, and counted", async (name) => {
  const declared = { foreign_keys: { guardless: { parent_id: "parent" } } };
  const at = await exported(await make(name, schemaOf(name) + ROWS), declared);
  // The row of code b is another one, and has the number that the export's had.
  const url = await make(name, `${schemaOf(name)} insert into parent values (2, 'b', 'other'), (7, 'z', 'one');`);
  expect(await refusal("import", at, "--database", url)).toMatch(/^error: /);
  const { tables } = await run("import", at, "--database", url, "--skip-conflicts");
  expect(counts(tables)).toEqual({ parent: [1, 1], child: [2, 1], maybe: [2, 1], part: [1, 1], grandchild: [1, 1], guardless: [1, 1] });
  expect(await led(url)).toEqual(["child|c1|one", "child|c3|three", "guardless|u1|one", "maybe|m1|one", "maybe|m3|null", "part|x|one"]);
  expect(await rowsOf(url, "select g.n, c.n from grandchild g join child c on c.id = g.child_id")).toEqual(["g1|c1"]);
}); // prettier-ignore

test.each(ENGINES)("%s: a row that is there, and would lead to one that was passed over, stays as it is", async (name) => {
  const at = await exported(await make(name, schemaOf(name) + ROWS), {});
  const url = await make(
    name,
    `${schemaOf(name)} insert into parent values (2, 'b', 'other'); insert into child values (9, 'c2', 2);`,
  );
  const { tables } = await run("import", at, "--database", url, "--skip-conflicts", "--exclude", "guardless,part,maybe");
  expect(counts(tables)).toMatchObject({ parent: [2, 1], child: [2, 1], grandchild: [2, 0] });
  expect(await rowsOf(url, "select c.n, p.slug from child c join parent p on p.id = c.parent_id order by 1")).toEqual(["c1|one", "c2|other", "c3|three"]);
}); // prettier-ignore

test.each(ENGINES)("%s: links by number alone are passed over as well, with and without a foreign key", async (name) => {
  const schema = (guard: string): string => `
    create table parent (id ${idOf(name)}, code varchar(9) unique);
    create table child (id ${idOf(name)}, n varchar(9) not null unique, parent_id integer ${guard});`;
  const rows = "insert into parent values (1, 'a'), (2, 'b'); insert into child values (1, 'c1', 1), (2, 'c2', 2), (3, 'c3', null);";
  for (const guard of ["references parent (id)", ""]) {
    const at = await exported(await make(name, schema(guard) + rows), guard === "" ? { foreign_keys: { child: { parent_id: "parent" } } } : {});
    const url = await make(name, `${schema(guard)} insert into parent values (9, 'b');`);
    const { tables } = await run("import", at, "--database", url, "--skip-conflicts");
    expect(counts(tables)).toEqual({ parent: [1, 1], child: [2, 1] });
    expect(await rowsOf(url, "select n, parent_id from child order by n")).toEqual(["c1|1", "c3|null"]);
  }
}); // prettier-ignore

test.each(ENGINES)("%s: rows that had to be written before those that were passed over are refused, and nothing is changed", async (name) => {
  const self = `create table item (id ${idOf(name)}, code varchar(9) not null unique, slug varchar(9) not null unique, up_id integer references item (id));`;
  const at = await exported(await make(name, `${self} insert into item values (1, 'a', 'one', null), (2, 'b', 'two', 1), (3, 'c', 'three', 2);`), {});
  const url = await make(name, `${self} insert into item values (2, 'b', 'other', null);`);
  expect(await refusal("import", at, "--database", url, "--skip-conflicts")).toMatch(/item: 1 row references missing rows of \S+ by up_id: \(two\)/);
  expect(await rowsOf(url, "select slug from item")).toEqual(["other"]);
}); // prettier-ignore

test.each(ENGINES)("%s: a link to a row that is nowhere is refused as ever", async (name) => {
  const at = await exported(await make(name, schemaOf(name) + ROWS), {});
  const url = await make(name, schemaOf(name));
  expect(await refusal("import", at, "--database", url, "--skip-conflicts", "--models", "child")).toMatch(/child: 3 rows reference missing rows of \S+ by parent_id/);
  expect(await rowsOf(url, "select count(*) from child")).toEqual(["0"]);
}); // prettier-ignore

test.each(ENGINES)("%s: only a unique constraint is passed over; a CHECK, NOT NULL or a value that is too long is an error that names the row", async (name) => {
  const plain = `create table box (id ${idOf(name)}, code varchar(9) not null unique, size integer, label varchar(20));`;
  const boxes = "insert into box values (1, 'a', 1, 'x'), (2, 'b', -2, null), (3, 'c', 3, 'longer than nine');";
  const at = await exported(await make(name, plain + boxes), { exclude_columns: {} });
  const target = (size: string, label: string): string =>
    `create table box (id ${idOf(name)}, code varchar(9) not null unique, size ${size}, label ${label}); insert into box values (9, 'z', 9, 'z'), (1, 'other', 1, 'x');`;
  for (const [size, label, row] of [
    ["integer check (size > 0)", "varchar(20)", "row 2 of the export, (b)"],
    ["integer", "varchar(20) check (label <> 'longer than nine')", "row 3 of the export, (c)"],
  ] as const) {
    const url = await make(name, target(size, label));
    const said = await refusal("import", at, "--database", url, "--skip-conflicts");
    expect(said).toContain(row);
    expect(said).toMatch(/check|constraint/i);
    expect(await rowsOf(url, "select code from box order by 1")).toEqual(["other", "z"]);
  }
  // The same rows where nothing but a key is in the way.
  const url = await make(name, `${target("integer", "varchar(20)")} create unique index by_size on box (size);`.replace("(9, 'z', 9, 'z')", "(9, 'z', -2, 'z')"));
  const { tables } = await run("import", at, "--database", url, "--skip-conflicts");
  expect(counts(tables)).toEqual({ box: [1, 2] });
  expect(await rowsOf(url, "select code, size from box order by 1")).toEqual(["c|3", "other|1", "z|-2"]);
}); // prettier-ignore
