/** What an export does not hold is named, and what lies outside of the usual schemas is brought in. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { execa } from "execa";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeDatabase } from "../../../support/sites/package.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { bring, exportOf, refusal } from "../../../support/portable/script.ts";
import { tempDirectory } from "../../../support/temp.ts";

const { make } = useEngines();

test.each([
  [
    "PostgreSQL",
    "create table doc (id integer primary key, body oid); insert into doc values (1, lo_from_bytea(0, '\\x0102')); create sequence counter; create sequence own; create table t (id integer primary key default nextval('own'));",
    ["large objects (1): left out", "sequence counter: left out"],
    "sequence own",
  ],
  ["MariaDB", "create table t (id integer primary key); create sequence counter;", ["sequence counter: left out"], undefined],
  ["SQLite", "create table t (id integer primary key); create virtual table words using fts5(w);", ["virtual table words (fts5): left out"], undefined],
] as const)("%s: plan and export name what an export leaves behind", async (name, sql, left, kept) => {
  const url = await make(name, sql);
  const output = join(tempDirectory(), "e");
  for (const args of [["plan"], ["export", "-o", output, "--no-timestamp"]]) {
    const { code, stderr } = await runInProcess("portable", [...args, "--database", url]);
    expect(code).toBe(0);
    for (const one of left) expect(stderr).toContain(one);
    if (kept !== undefined) expect(stderr).not.toContain(kept);
  }
  // Whoever brings it in is told as well.
  const { stdout } = await runInProcess("portable", ["check", output, "--database", url]);
  const { json } = await runInProcess("portable", ["check", output, "--database", url, "--json"]);
  for (const one of left) expect(stdout.split("LEFT BEHIND BY THE EXPORT")[1]).toContain(one);
  expect(json.at(-1)).toMatchObject({ export: { warnings: expect.arrayContaining(left.map((one) => expect.stringContaining(one))) as string[] } });
}); // prettier-ignore

test("PostgreSQL: a collation of another schema, and one with a dot in its name, go into the staging table", async () => {
  const schema = `create schema mb; create collation mb.mine (provider = icu, locale = 'und'); create collation mb."of.mine" (provider = icu, locale = 'und');
    create table t (id serial primary key, n text collate mb.mine not null unique, o text collate mb."of.mine", p text collate "C.utf8", q text collate "C");`;
  const url = await make("PostgreSQL", schema);
  await bring(await exportOf(await make("PostgreSQL", `${schema} insert into t (n, o, p, q) values ('x', 'y', 'z', 'a');`)), url);
  expect(await rowsOf(url, "select n, o, p, q from t")).toEqual(["x|y|z|a"]);
}); // prettier-ignore

test("a ZIP calls the tables of Django's own models as loaddata knows them", async () => {
  const directory = tempDirectory();
  const url = makeDatabase(
    join(directory, "a.db"),
    `create table django_migrations (id integer not null primary key, app varchar(255) not null, name varchar(255) not null, applied datetime not null);
     create table django_content_type (id integer not null primary key, app_label varchar(100) not null, model varchar(100) not null, unique (app_label, model));
     create table django_site (id integer not null primary key, domain varchar(100) not null unique); create table django_admin_log (id integer primary key, action_time text, action_flag integer, content_type_id integer);
     insert into django_site values (1, 'x'); insert into django_content_type values (1, 'sites', 'site');`,
  );
  const file = join(directory, "e.zip");
  expect(await refusal("export", "--database", url, "--format", "zip", "-o", file)).toBe("");
  const { stdout } = await execa("unzip", ["-Z1", file]);
  expect(stdout.split("\n").filter((name) => name.endsWith(".json")).toSorted()).toEqual(
    ["admin/logentry.json", "contenttypes/contenttype.json", "metadata.json", "sites/site.json"],
  );
}); // prettier-ignore

async function records(url: string, models: Readonly<Record<string, readonly object[]>>): Promise<string> {
  return await refusal("import", recordsOf(models), "--database", url);
}

function recordsOf(models: Readonly<Record<string, readonly object[]>>): string {
  const directory = join(tempDirectory(), "e");
  mkdirSync(directory);
  const hash = createHash("sha256");
  for (const [model, all] of Object.entries(models).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const text = JSON.stringify({ model, count: all.length, records: all });
    writeFileSync(join(directory, `${model}.json`), text);
    hash.update(text);
  }
  const counts = Object.fromEntries(Object.entries(models).map(([model, all]) => [model, all.length]));
  const manifest = { export_version: "1.0.0", export_format: "orcd-portal-export", created_at: "2026-01-17T14:45:00-05:00", source_portal: { url: "", name: "P" }, data_counts: counts, checksum: { algorithm: "sha256", value: hash.digest("hex") } };
  writeFileSync(join(directory, "manifest.json"), JSON.stringify(manifest));
  return directory;
} // prettier-ignore

test.each([
  ["is its number where a field only happens to be the same", "", ["1|1|a", "2|1|b"]],
  ["is a field that tells records apart", ", unique (blocks)", ["7|1|a", "8|2|b"]],
])("the key of a record %s", async (_what, unique, rows) => {
  const url = makeDatabase(
    join(tempDirectory(), "b.db"),
    `create table reservation (id integer not null primary key autoincrement, blocks int not null, note text not null${unique});
     create table entry (id integer not null primary key autoincrement, reservation_id integer not null references reservation (id)); ${unique === "" ? "" : "insert into reservation values (7, 1, 'old');"}`,
  );
  const blocks = unique === "" ? [1, 1] : [1, 2];
  const said = await records(url, {
    reservations: [
      { natural_key: [1], fields: { blocks: blocks[0], note: "a" } },
      { natural_key: [2], fields: { blocks: blocks[1], note: "b" } },
    ],
    ...(unique === "" && { entries: [{ natural_key: [1], fields: { reservation_pk: 2 } }] }),
  });
  expect(said).toBe("");
  expect(await rowsOf(url, "select id, blocks, note from reservation order by note")).toEqual(rows);
  const led = await rowsOf(url, "select note from entry join reservation r on r.id = reservation_id");
  expect(led).toEqual(unique === "" ? ["b"] : []);
}); // prettier-ignore

test("check tells of another program's export by its own format, version and time", async () => {
  const directory = tempDirectory();
  const url = makeDatabase(join(directory, "b.db"), "create table kind (id integer not null primary key, name text not null unique)");
  const dump = join(directory, "dump.json");
  writeFileSync(dump, '[{"model": "kind", "pk": 1, "fields": {"name": "a"}}]');
  const at = recordsOf({ kinds: [{ natural_key: ["a"], fields: { name: "a" } }] });
  for (const [path, about] of [
    [at, { path: at, export_format: "orcd-portal-export", export_version: "1.0.0", created_at: "2026-01-17T14:45:00-05:00" }],
    [dump, { path: dump, export_format: "a Django dump", export_version: null, created_at: null }],
  ] as const) {
    const { code, json } = await runInProcess("portable", ["check", path, "--database", url, "--json"]);
    expect([code, json.at(-1)]).toMatchObject([0, { export: about }]);
    const { stdout } = await runInProcess("portable", ["check", path, "--database", url]);
    expect(stdout).toMatch(new RegExp(`^Export Format: +${about.export_format}$`, "m"));
    expect(stdout).toMatch(new RegExp(`^Created: +${about.created_at ?? "unknown"}$`, "m"));
    expect(stdout).not.toMatch(/sqlite.*\n[^]*Schema Version[^]*CURRENT INSTANCE/);
  }
}); // prettier-ignore

test("portable.models names the column of a field of a model without an app", async () => {
  const directory = tempDirectory();
  const url = makeDatabase(
    join(directory, "b.db"),
    `create table shop_sku (id integer not null primary key autoincrement, sku_code varchar(9) not null unique); insert into shop_sku values (7, 'A');
     create table shop_rate (id integer not null primary key autoincrement, sku_id integer not null references shop_sku (id), day date not null, unique (sku_id, day));`,
  );
  const at = recordsOf({ shop_rates: [{ natural_key: ["A", "2026-01-01"], fields: { sku_code: "A", on: "2026-01-01" } }] });
  const config = join(directory, "c.yaml");
  writeFileSync(config, `site: s\nroot: ${directory}\nportable:\n  models: { shop_rates: shop_rate, shop_rates.sku_code: sku_id, shop_rates.on: day }\n`);
  expect(await refusal("import", at, "--database", url, "--config", config)).toBe("");
  expect(await rowsOf(url, "select sku_id, day from shop_rate")).toEqual(["7|2026-01-01"]);
  writeFileSync(config, `site: s\nroot: ${directory}\nportable:\n  models: { shop_rates.sku_code: nowhere }\n`);
  expect(await refusal("import", at, "--database", url, "--config", config)).toContain("models.shop_rates.sku_code");
}); // prettier-ignore

test.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("%s: columns that a database computes are named where the other side keeps them", async (name) => {
  const table = (low: string): string => `create table t (name varchar(20) not null unique, low varchar(20)${low}, top varchar(20) default 'none');`;
  const COMPUTED = " generated always as (lower(name)) stored";
  const id = name === "PostgreSQL" ? "public.t" : "t";
  const source = await make(name, `${table(COMPUTED)} insert into t (name) values ('Ann');`);
  const plan = await runInProcess("portable", ["plan", "--database", source]);
  expect(plan.stdout).toContain(`computed columns, left out: ${id} low`);
  const output = join(tempDirectory(), "e");
  const said = await runInProcess("portable", ["export", "--database", source, "-o", output, "--no-timestamp"]);
  expect(said.stdout).toContain(`computed columns, left out: ${id} low`);
  expect(JSON.parse(readFileSync(join(output, "manifest.json"), "utf8"))).toMatchObject({ columns_computed: { [id]: ["low"] } });
  expect(JSON.parse(readFileSync(join(output, "schema.json"), "utf8"))).toMatchObject([{ columns_computed: ["low"] }]);

  // Where it is computed as well nothing is lost, and nothing is told.
  const same = await make(name, table(COMPUTED));
  expect(await runInProcess("portable", ["check", output, "--database", same])).toMatchObject({ code: 0, stdout: expect.stringContaining(`  ${id}: low (computed)\n`) as string });
  await bring(output, same);
  for (const [low, becomes, value] of [["", "NULL", "null"], [" default 'old' not null", "its default", "old"]] as const) {
    const url = await make(name, `${table(low)} insert into t (name, low) values ('Bob', 'kept');`);
    const message = `${id}.low was computed by the export's database but is an ordinary column here: new rows get ${becomes}`;
    const check = await runInProcess("portable", ["check", output, "--database", url]);
    expect([check.code, check.stdout]).toEqual([3, expect.stringContaining(message)]);
    expect(await refusal("import", output, "--database", url)).toContain(message);
    expect(await rowsOf(url, "select name, low from t")).toEqual(["Bob|kept"]);
    expect(await refusal("import", output, "--database", url, "--force")).toBe("");
    expect(await rowsOf(url, "select name, low from t order by name")).toEqual([`Ann|${value}`, "Bob|kept"]);
  }
  const config = join(tempDirectory(), "c.yaml");
  writeFileSync(config, "site: s\nroot: .\nportable: { defaults: { t: { low: given } } }\n");
  const must = await make(name, table(" not null"));
  expect(await refusal("import", output, "--database", must, "--force")).toContain(`${id}.low is NOT NULL without a default, and the export lacks its values, which its database computed`);
  expect(await refusal("import", output, "--database", must, "--config", config)).toBe("");
  expect(await rowsOf(must, "select name, low from t")).toEqual(["Ann|given"]);

  // The other way round: what was given is computed here, and verify tells whether it is the same.
  for (const [low, is] of [["ann", 0], ["other", 13]] as const) {
    const from = await exportOf(await make(name, `${table("")} insert into t (name, low) values ('Ann', '${low}');`));
    const url = await make(name, table(COMPUTED));
    const message = `${id}.low is computed by this database: the export's values are left out`;
    const check = await runInProcess("portable", ["check", from, "--database", url]);
    expect([check.code, check.stdout]).toEqual([3, expect.stringContaining(message)]);
    expect(await refusal("import", from, "--database", url)).toContain(message);
    expect(await rowsOf(url, "select count(*) from t")).toEqual(["0"]);
    expect(await refusal("import", from, "--database", url, "--force")).toBe("");
    expect(await rowsOf(url, "select name, low from t")).toEqual(["Ann|ann"]);
    expect((await runInProcess("portable", ["verify", from, "--database", url])).code).toBe(is);
  }
}); // prettier-ignore

test.each(["PostgreSQL", "MariaDB", "SQLite"] as const)("%s: a column that the database computes is not a key, and foreign keys by one are reported", async (name) => {
  const number = { PostgreSQL: "serial primary key", MariaDB: "integer auto_increment primary key", SQLite: "integer primary key" }[name];
  const schema = (low: string, link: string): string => `
    create table p (id ${number}, tenant int not null, name varchar(20), low varchar(20) ${low}, unique (tenant, low));
    create table c (no varchar(9) not null unique, p_id int, foreign key (p_id) references p (id));
    create table d (no varchar(9) not null unique, n int, p_id int${link}, foreign key (p_id) references p (id));`;
  const COMPUTED = `generated always as (lower(name)) stored${name === "MariaDB" ? "" : " not null"}`;
  const LINK = " generated always as (n) stored";
  const led = "select c.no, p.name from c join p on p.id = p_id union all select d.no, p.name from d join p on p.id = p_id order by 1";
  const source = await make(name, `${schema(COMPUTED, LINK)} insert into p (id, tenant, name) values (1, 1, 'A'), (2, 1, 'B'); insert into c values ('x', 2), ('y', 1); insert into d (no, n) values ('z', 2);`);
  const url = await make(name, schema(COMPUTED, LINK));
  await bring(await exportOf(source), url);
  expect(await rowsOf(url, led)).toEqual(["x|B", "y|A", "z|B"]);
  const config = join(tempDirectory(), "c.yaml");
  writeFileSync(config, "site: s\nroot: .\nportable: { keys: { p: [tenant, low] } }\n");
  expect(await refusal("plan", "--database", source, "--config", config)).toContain("(tenant, low) has a column that the database computes");

  const plain = await exportOf(await make(name, `${schema("not null", "")} insert into p (id, tenant, name, low) values (1, 1, 'A', 'a'); insert into c values ('x', 1); insert into d values ('z', 1, 1);`));
  expect(await refusal("import", plain, "--database", await make(name, schema(COMPUTED, "")), "--force")).toMatch(/p\.low is part of the key, but this database computes it/);
  const linked = await make(name, schema("not null", LINK));
  expect(await refusal("import", plain, "--database", linked)).toMatch(/d\.p_id is computed by this database: its references to (public\.)?p are left out/);
  expect(await refusal("import", plain, "--database", linked, "--force")).toBe("");
  expect(await rowsOf(linked, led)).toEqual(["x|A", "z|A"]);
}); // prettier-ignore
