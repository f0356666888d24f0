/** Generic relations of the config in what other programs wrote: a number is followed by the row's key, or somebody is told. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeDatabase } from "../../../support/sites/package.ts";
import { rowsOf } from "../../../support/portable/engines.ts";
import { tempDirectory } from "../../../support/temp.ts";

const SCHEMA = `
  create table django_content_type (id integer not null primary key autoincrement, app_label varchar(100) not null, model varchar(100) not null, unique (app_label, model));
  create table shop_item (id integer not null primary key autoincrement, code varchar(9) not null unique);
  create table shop_note (id integer not null primary key autoincrement, content_type_id integer not null references django_content_type (id), object_id varchar(40) not null, text varchar(20) not null unique);
  create table tag (id integer not null primary key autoincrement, of_type varchar(20) not null, of_id integer not null, word varchar(9) not null unique);
  insert into django_content_type values (7, 'shop', 'item'); insert into shop_item values (1, 'other'), (9, 'pen');`;
const DUMP = [
  { model: "shop.item", pk: 1, fields: { code: "pen" } },
  { model: "shop.item", pk: 2, fields: { code: "ink" } },
  { model: "shop.note", pk: 1, fields: { content_type: ["shop", "item"], object_id: "1", text: "of the pen" } },
  { model: "shop.note", pk: 2, fields: { content_type: ["shop", "item"], object_id: "2", text: "of the ink" } },
  { model: "tag", pk: 1, fields: { of_type: "shop.item", of_id: 1, word: "blue" } },
];
const GENERIC = [
  { table: "shop_note", type: "content_type_id", id: "object_id" },
  { table: "tag", type: "of_type", id: "of_id" },
];

async function brought(dump: readonly object[], generic: readonly object[], ...flags: readonly string[]) {
  const directory = tempDirectory();
  const url = makeDatabase(join(directory, "b.db"), SCHEMA);
  const [file, config] = [join(directory, "dump.json"), join(directory, "c.yaml")];
  writeFileSync(file, JSON.stringify(dump));
  writeFileSync(config, `site: s\nroot: ${directory}\nportable: ${JSON.stringify({ generic })}\n`);
  const { code, stderr } = await runInProcess("portable", [
    "import",
    file,
    "--config",
    config,
    "--database",
    url,
    ...flags,
  ]);
  const led = await rowsOf(
    url,
    "select text, code from shop_note left join shop_item i on i.id = object_id union all select word, code from tag left join shop_item i on i.id = of_id order by 1",
  );
  return { code, stderr, led };
}

test("a dump's numbers follow the rows that have others here", async () => {
  expect(await brought(DUMP, GENERIC)).toEqual({
    code: 0,
    stderr: "",
    led: ["blue|pen", "of the ink|ink", "of the pen|pen"],
  });
});

test("a primary key without a record is reported, and imported only with --force", async () => {
  const dump = [...DUMP, { model: "shop.note", pk: 3, fields: { content_type: ["shop", "item"], object_id: "77", text: "of none" } }]; // prettier-ignore
  const { code, stderr, led } = await brought(dump, GENERIC);
  expect([code, led]).toEqual([14, []]);
  expect(stderr).toContain("1 reference to a missing row");
  expect(await brought(dump, GENERIC, "--force")).toMatchObject({ code: 0 });
});

test("a pair that the config does not name is reported", async () => {
  const { stderr } = await brought(DUMP, []);
  expect(stderr).toContain("content_type_id and object_id look like a generic relation");
  expect(stderr).toContain("of_type and of_id look like a generic relation");
});

test("a relation of a table that is not there is refused", async () => {
  expect(await brought(DUMP, [{ table: "nowhere", type: "a", id: "b" }])).toMatchObject({ code: 2, led: [] });
});
