/** Portable data from each engine to each: by the front door, and looked at by each engine's own SQL. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { LIBRARY, libraryRows, librarySchema } from "../../../support/portable/library.ts";
import { change, rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { portableScript } from "../../../support/portable/script.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const engines = useEngines();
const directory = suiteDirectory("holdfast-portable-");
const exported = new Map<string, string>();

beforeAll(async () => {
  for (const name of NAMES) {
    const url = await engines.make(name, `${librarySchema(name)}\n${libraryRows(name)}`);
    const output = join(directory, name);
    await run("export", "--database", url, "-o", output, "--no-timestamp");
    exported.set(name, output);
  }
}, 120_000);

const exportOf = (name: string): string => exported.get(name) ?? "";

interface Summary {
  readonly committed: boolean;
  readonly warnings: readonly string[];
  readonly tables: readonly {
    readonly table: string;
    readonly created: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly skipped: number;
    readonly remapped: { readonly count: number };
  }[];
}

const { portable, run } = portableScript<Summary>();

const counts = ({ tables }: Summary, of: "created" | "updated" | "unchanged" | "skipped"): Record<string, number> =>
  Object.fromEntries(tables.map((one) => [one.table.replace(/^public\./, ""), one[of]]));
const nothing = Object.fromEntries(Object.keys(LIBRARY).map((table) => [table, 0]));
const PEOPLE = "select slug, country, balance, score, single, born, wakes, big, bio from person order by slug";

describe.each(NAMES)("from %s", (from) => {
  test("the export is what standard tools can read: lines of JSON, and no session", () => {
    const files = readdirSync(exportOf(from), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".gz"),
    );
    expect(files.length).toBe(Object.keys(LIBRARY).length);
    const book = files.find((file) => /book\/0/.test(file)) ?? "";
    const lines = execFileSync("gzip", ["-dc", join(exportOf(from), book)], { encoding: "utf8" })
      .trim()
      .split("\n");
    const [header, ...rest] = lines.map((line) => JSON.parse(line) as unknown);
    expect(header).toMatchObject({ key: { kind: "natural", columns: ["author_id", "title"] } });
    // A link travels as the key of the row it leads to; the number that the database gave is no part of it.
    expect(rest.slice(0, -1)).toContainEqual([8, ["ann"], "One", expect.anything()]);
    expect(rest.at(-1)).toMatchObject({ rows: 3 });
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  describe.each(NAMES)("to %s", (to) => {
    test("an empty one: every row, the same values; once more: nothing changes; and the digests agree", async () => {
      const url = await engines.of(to).make(librarySchema(to));
      const first = await run("import", exportOf(from), "--database", url);
      expect(counts(first, "created")).toEqual(LIBRARY);
      expect(first.committed).toBe(true);
      const again = await run("import", exportOf(from), "--database", url);
      expect(counts(again, "unchanged")).toEqual(LIBRARY);
      expect([counts(again, "created"), counts(again, "updated")]).toEqual([nothing, nothing]);
      expect((await portable("verify", exportOf(from), "--database", url)).code).toBe(0);
      const origin = await engines.of(to).make(`${librarySchema(to)}\n${libraryRows(to)}`);
      if (from !== to) {
        for (const sql of [
          PEOPLE,
          "select id, author_id, title from book order by id",
          "select * from remark order by id",
        ])
          expect(await rowsOf(url, sql)).toEqual(await rowsOf(origin, sql));
      } else {
        for (const table of Object.keys(LIBRARY))
          expect((await rowsOf(url, `select * from ${table}`)).toSorted()).toEqual(
            (await rowsOf(origin, `select * from ${table}`)).toSorted(),
          );
      }
      // The next row that the application makes gets a number that is free.
      await change(url, "insert into tag (name) values ('new')");
      expect(await rowsOf(url, "select count(*) from tag")).toEqual(["3"]);
    });

    test("one that has the same rows under other numbers: they keep these, and what links to them follows", async () => {
      const url = await engines.of(to).make(`${librarySchema(to)}\n${libraryRows(to, 100)}`);
      await change(
        url,
        "delete from remark",
        "delete from chapter",
        "update person set bio = 'old' where slug = 'ann'",
      );
      const result = await run("import", exportOf(from), "--database", url);
      expect(counts(result, "created")).toEqual({ ...nothing, chapter: 3, remark: 2 });
      expect(counts(result, "updated")).toEqual({ ...nothing, person: 1 });
      expect(result.tables.find(({ table }) => table.endsWith("person"))?.remapped.count).toBe(3);
      const linked =
        "select a.slug, b.title, c.number from chapter c join book b on b.id = c.book_id join person a on a.id = b.author_id order by 1, 2, 3";
      expect(await rowsOf(url, linked)).toEqual(["ann|One|1", "ann|One|2", "çelik 🎧|One|1"]);
      expect(await rowsOf(url, "select min(id) from book")).toEqual(["105"]);
      expect((await portable("verify", exportOf(from), "--database", url)).code).toBe(0);
    });
  });
});

describe.each(NAMES)("into %s", (to) => {
  const source = "PostgreSQL";

  test("create-only passes over what is there, update-only over what is not, a dry run changes nothing", async () => {
    const url = await engines.of(to).make(`${librarySchema(to)}\ninsert into tag (id, name) values (50, 'old');`);
    const before = await rowsOf(url, "select count(*) from person");
    const dry = await run("import", exportOf(source), "--database", url, "--dry-run");
    expect([dry.committed, counts(dry, "created")]).toEqual([false, { ...LIBRARY, tag: 1 }]);
    expect(await rowsOf(url, "select count(*) from person")).toEqual(before);
    const update = await run("import", exportOf(source), "--database", url, "--mode", "update-only", "--models", "tag");
    expect(counts(update, "skipped")).toEqual({ tag: 1 });
    const create = await run("import", exportOf(source), "--database", url, "--mode", "create-only");
    expect(counts(create, "skipped")).toEqual({ ...nothing, tag: 1 });
    expect(await rowsOf(url, "select id from tag where name = 'old'")).toEqual(["50"]);
  });

  test("a row that differs in a value and in a link to its own table is one row updated", async () => {
    const url = await engines.of(to).make(`${librarySchema(to)}\n${libraryRows(to)}`);
    await change(url, "update person set bio = 'old', mentor_id = null where slug = 'bob'");
    const result = await run("import", exportOf(source), "--database", url);
    expect(counts(result, "updated")).toEqual({ ...nothing, person: 1 });
    expect(counts(result, "unchanged")).toEqual({ ...LIBRARY, person: 2 });
    expect((await portable("verify", exportOf(source), "--database", url)).code).toBe(0);
  });

  test("a link that leads nowhere is named, and nothing is changed, sequences included", async () => {
    const url = await engines.of(to).make(librarySchema(to));
    const { code, stderr } = await portable("import", exportOf(source), "--database", url, "--models", "team,book,tag");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/person.*(ann|çelik)/) as string });
    for (const table of ["book", "tag"]) expect(await rowsOf(url, `select count(*) from ${table}`)).toEqual(["0"]);
    await change(url, "insert into tag (name) values ('first')");
    expect(Number((await rowsOf(url, "select id from tag"))[0])).toBeLessThanOrEqual(to === "MariaDB" ? 4 : 1);
  });

  test("--clear-existing empties the tables first, and wants to be sure", async () => {
    const url = await engines.of(to).make(`${librarySchema(to)}\n${libraryRows(to, 100)}`);
    await change(url, "insert into tag (name) values ('goes')");
    expect((await portable("import", exportOf(source), "--database", url, "--clear-existing")).code).toBe(2);
    expect(
      counts(await run("import", exportOf(source), "--database", url, "--clear-existing", "--yes"), "created"),
    ).toEqual(LIBRARY);
    expect(await rowsOf(url, "select name from tag where name = 'goes'")).toEqual([]);
    expect((await portable("verify", exportOf(source), "--database", url)).code).toBe(0);
  });

  test("verify tells of one changed value, exit 13", async () => {
    const url = await engines.of(to).make(librarySchema(to));
    await run("import", exportOf(source), "--database", url);
    await change(url, "update person set big = 1 where slug = 'bob'");
    const { code, summary } = await portable("verify", exportOf(source), "--database", url);
    expect(code).toBe(13);
    expect(
      (summary.tables as unknown as { table: string; same: boolean }[])
        .filter(({ same }) => !same)
        .map(({ table }) => table.replace("public.", "")),
    ).toEqual(["person"]);
  });

  test("a table that is not there, and a column that must not be NULL and gets nothing: exit 14 before anything is written", async () => {
    const url = await engines.of(to).make(
      librarySchema(to)
        .replace(/create table tag [^;]*;/, "")
        .replace(/, foreign key \(tag_id\) references tag \(id\)/, ""),
    );
    const check = await portable("check", exportOf(source), "--database", url);
    expect(check).toMatchObject({
      code: 14,
      summary: { status: "INCOMPATIBLE", problems: [expect.stringContaining("tag")] },
    });
    expect((await portable("import", exportOf(source), "--database", url)).code).toBe(14);
    expect(await rowsOf(url, "select count(*) from country")).toEqual(["0"]);
  });

  const folding = { PostgreSQL: undefined, MariaDB: "collate utf8mb4_general_ci", SQLite: "collate nocase" }[to];
  const folds = test.skipIf(folding === undefined);
  folds("two tags that differ in capitals only are refused by a database to which they are one", async () => {
    const origin = await engines
      .of("SQLite")
      .make(`${librarySchema("SQLite")}\ninsert into tag (name) values ('Same'), ('same');`);
    const output = join(directory, `folding-${to}`);
    await run("export", "--database", origin, "-o", output, "--no-timestamp");
    const url = await engines.of(to).make(
      librarySchema(to)
        .replace(/(create table tag .*?name varchar\(50\))[^,]*/, `$1 ${folding ?? ""} not null`)
        .replace("not null not null", "not null"),
    );
    const { code, stderr } = await portable("import", output, "--database", url);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/tag: 2 rows of the export have the same key here.*[Ss]ame/s) as string,
    });
  });
});

describe("a damaged export is refused, exit 13, and nothing is changed", () => {
  test.each([
    ["the manifest is missing", (at: string) => rmSync(join(at, "manifest.json"))],
    [
      "the manifest ends too soon",
      (at: string) =>
        writeFileSync(join(at, "manifest.json"), readFileSync(join(at, "manifest.json"), "utf8").slice(0, 400)),
    ],
    [
      "a count is another one",
      (at: string) => edit(join(at, "manifest.json"), (text) => text.replace(/"rows": 3/, '"rows": 4')),
    ],
    [
      "what is told of a table is another count",
      (at: string) => edit(join(at, "manifest.json"), (text) => text.replace(/"tag": \d+/, '"tag": 77')),
    ],
    [
      "a file is there that the manifest does not know",
      (at: string) => cpSync(dataFile(at, "tag"), dataFile(at, "tag").replace("00001", "00002")),
    ],
    ["a file is missing", (at: string) => rmSync(dataFile(at, "tag"))],
    [
      "a file ends too soon",
      (at: string) => writeFileSync(dataFile(at, "tag"), readFileSync(dataFile(at, "tag")).subarray(0, -20)),
    ],
    ["a value is another one", (at: string) => repack(dataFile(at, "tag"), (text) => text.replace("old", "odd"))],
    [
      "the schema is another one",
      (at: string) => edit(join(at, "schema.json"), (text) => text.replace('"natural"', '"none"')),
    ],
  ])("%s", async (_what, damage) => {
    const copy = join(directory, "damaged");
    rmSync(copy, { recursive: true, force: true });
    cpSync(exportOf("SQLite"), copy, { recursive: true });
    damage(copy);
    const url = await engines.of("SQLite").make(librarySchema("SQLite"));
    const { code, stderr } = await portable("import", copy, "--database", url);
    expect({ code, stderr }).toMatchObject({
      code: 13,
      stderr: expect.stringContaining("hint: nothing was changed") as string,
    });
    expect(await rowsOf(url, "select count(*) from tag")).toEqual(["0"]);
  });

  test("without its checksums being read, a changed line is found all the same", async () => {
    const copy = join(directory, "unchecked");
    cpSync(exportOf("SQLite"), copy, { recursive: true });
    repack(dataFile(copy, "tag"), (text) => text.replace("old", "odd"));
    const url = await engines.of("SQLite").make(librarySchema("SQLite"));
    const { code, stderr } = await portable("import", copy, "--database", url, "--no-verify-checksum");
    expect({ code, stderr }).toMatchObject({
      code: 13,
      stderr: expect.stringContaining("its lines do not match") as string,
    });
    expect(await rowsOf(url, "select count(*) from country")).toEqual(["0"]);
  });
});

describe.each(NAMES)("on %s, tables that wait for each other and may not be NULL", (name) => {
  test("go in with their values, and are looked at in the end", async () => {
    const guard =
      name === "SQLite" ? "" : "alter table egg add constraint egg_hen foreign key (hen) references hen (code);";
    const ring = `create table egg (code varchar(10) not null primary key, hen varchar(10) not null${name === "SQLite" ? " references hen (code)" : ""});
      create table hen (code varchar(10) not null primary key, egg varchar(10) not null, foreign key (egg) references egg (code)); ${guard}`;
    const engine = engines.of(name);
    const rows =
      "insert into egg values ('e1', 'h1'), ('e2', 'h2'); insert into hen values ('h1', 'e2'), ('h2', 'e1');";
    const filled = {
      PostgreSQL: `${ring.replace(guard, "")} ${rows} ${guard}`,
      MariaDB: `${ring} set foreign_key_checks = 0; ${rows}`,
      SQLite: `pragma foreign_keys = off; ${ring} ${rows}`,
    }[name];
    const output = join(directory, `ring-${name}`);
    await run("export", "--database", await engine.make(filled), "-o", output, "--no-timestamp");
    const url = await engine.make(ring);
    expect(counts(await run("import", output, "--database", url), "created")).toEqual({ egg: 2, hen: 2 });
    expect((await portable("verify", output, "--database", url)).code).toBe(0);
    const broken = await engine.make(ring);
    const { code, stderr } = await portable("import", output, "--database", broken, "--models", "egg");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/hen/) as string });
    expect(await rowsOf(broken, "select count(*) from egg")).toEqual(["0"]);
  });
});

test("plan tells the key of each table and why, the components, and what is left out; --component takes one", async () => {
  const url = await engines
    .of("SQLite")
    .make(`${librarySchema("SQLite")}\ncreate table alone (id integer primary key, name text);`);
  const { code, summary } = await portable("plan", "--database", url);
  expect(code).toBe(0);
  expect(summary).toMatchObject({
    left_out: [{ table: "django_session", why: expect.stringContaining("Django") as string }],
    components: expect.arrayContaining([expect.objectContaining({ name: "alone", tables: ["alone"] })]) as unknown,
    warnings: expect.arrayContaining([expect.stringMatching(/^alone is identified by its generated id/)]) as unknown,
  });
  const plan = (await portable("plan", "--database", url, "--component", "alone")).summary;
  expect(plan.tables.map(({ table }) => table)).toEqual(["alone"]);
  expect((await portable("plan", "--database", url, "--component", "nothing")).code).toBe(2);
});

test("the config refines keys, groups and what is left out; a key that is not unique is refused with the rows that share it", async () => {
  const config = join(directory, "site.yaml");
  const url = await engines
    .of("SQLite")
    .make(
      "create table word (id integer primary key autoincrement, lemma text not null, language text not null); create table noise (id integer primary key); insert into word (lemma, language) values ('pain', 'fr'), ('pain', 'en');",
    );
  const write = (key: string): void =>
    writeFileSync(
      config,
      `site: words\nroot: .\nportable: { keys: { word: [${key}] }, components: { words: [word] }, exclude: [noise] }\n`,
    );
  write("lemma, language");
  const plan = (await portable("plan", "--config", config, "--database", url)).summary as unknown as {
    tables: unknown[];
    components: unknown[];
  };
  expect(plan.tables).toEqual([
    expect.objectContaining({ table: "word", key: "natural", columns: ["lemma", "language"] }),
  ]);
  expect(plan.components).toContainEqual(expect.objectContaining({ name: "words", by: "config" }));
  write("lemma");
  const { code, stderr } = await portable(
    "export",
    "--config",
    config,
    "--database",
    url,
    "-o",
    join(directory, "words"),
  );
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/word: 2 rows have the key \(pain\)[^]*portable\.keys/) as string,
  });
  write("lema");
  expect((await portable("plan", "--config", config, "--database", url)).stderr).toContain("did you mean lemma?");
});

test("a database that guards no foreign key takes the links all the same", async () => {
  const unguarded = librarySchema("SQLite")
    .replaceAll(/,\s*foreign key \([^)]*\) references \w+ \([^)]*\)/g, "")
    .replaceAll(/ references \w+ \([^)]*\)/g, "");
  expect(unguarded).not.toContain("references");
  const url = await engines.of("SQLite").make(unguarded);
  expect(counts(await run("import", exportOf("PostgreSQL"), "--database", url), "created")).toEqual(LIBRARY);
  expect(
    await rowsOf(url, "select t.name, p.slug from team t left join person p on p.id = t.lead_id order by 1"),
  ).toEqual(["Blue|null", "Red|ann"]);
  expect((await portable("verify", exportOf("PostgreSQL"), "--database", url)).code).toBe(0);
});

test("an export goes to a directory that is not there yet, and a failed one leaves nothing", async () => {
  const url = await engines.of("SQLite").make(librarySchema("SQLite"));
  const output = exportOf("SQLite");
  expect((await portable("export", "--database", url, "-o", output, "--no-timestamp")).code).toBe(1);
  expect((await portable("export", "--database", `${url}.none`, "-o", join(directory, "never"))).code).not.toBe(0);
  expect(existsSync(join(directory, "never"))).toBe(false);
  expect(
    (await portable("export", "--database", url, "-o", join(directory, "x"), "--models", "tagg")).stderr,
  ).toContain("did you mean tag?");
  expect((await portable("import", output, "--database", url, "--list-models")).code).toBe(2);
});

const dataFile = (at: string, table: string): string => join(at, "data", table, "00001.ndjson.gz");
const edit = (file: string, change_: (text: string) => string): void =>
  writeFileSync(file, change_(readFileSync(file, "utf8")));
const repack = (file: string, change_: (text: string) => string): void =>
  writeFileSync(file, gzipSync(change_(gunzipSync(readFileSync(file)).toString())));
