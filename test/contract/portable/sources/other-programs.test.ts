/** What other programs wrote, brought into each engine by the front door. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { change, rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { runBuilt } from "../../../support/runs/backup.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { dumpText, SHOP, shopRecords, shopSchema } from "../../../support/portable/shop.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const engines = useEngines();
const directory = suiteDirectory("holdfast-foreign-test-");
let files = 0;

function write(content: string | Buffer, name = "dump.json"): string {
  const place = join(directory, String(++files));
  mkdirSync(place);
  writeFileSync(join(place, name), content);
  return join(place, name);
}

interface Counted {
  readonly table: string;
  readonly created: number;
  readonly unchanged: number;
}

async function portable(...args: string[]): Promise<{ code: number; stderr: string; tables: readonly Counted[] }> {
  const { code, stdout, stderr } = await runInProcess("portable", [...args, "--json"]);
  const last = stdout.trim().split("\n").at(-1) ?? "";
  const summary = last.startsWith("{") ? (JSON.parse(last) as { tables?: readonly Counted[] }) : {};
  return { code: code ?? -1, stderr, tables: summary.tables ?? [] };
}

async function counted(of: "created" | "unchanged", ...args: string[]): Promise<Record<string, number>> {
  const { code, stderr, tables } = await portable("import", ...args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return Object.fromEntries(tables.map((one) => [one.table.replace(/^public\./, ""), one[of]]));
}

/** It is refused, with these words, and nothing of it is there. */
/** Sees that a file is refused and nothing is written or left; gives what is said. */
async function refusal(file: string, ...args: string[]): Promise<string> {
  const url = await engines.of("SQLite").make(shopSchema("SQLite"));
  const temporary = join(directory, `tmp-${++files}`);
  mkdirSync(temporary);
  const { code, stderr } = await runBuilt("portable", ["import", file, "--database", url, ...args], {
    env: { TMPDIR: temporary },
  });
  expect(code).not.toBe(0);
  for (const table of Object.keys(SHOP)) expect(await rowsOf(url, `select count(*) from ${table}`)).toEqual(["0"]);
  expect(readdirSync(temporary).filter((name) => name.startsWith("holdfast-"))).toEqual([]);
  return stderr;
}

const dump = dumpText(shopRecords("numbers"), 1);
const LINKS = `select i.name, p.name, s.label, o.username, f.username from shop_item i left join shop_item p on p.id = i.parent_id left join shop_shelf s on s.id = i.shelf_id
  left join auth_user o on o.id = s.owner_id left join shop_item_fans x on x.item_id = i.id left join auth_user f on f.id = x.user_id order by 1, 5`;

describe.each(NAMES)("into %s", (name) => {
  test.each(["numbers", "keys", "no numbers"] as const)("a dump with %s: every row, twice the same", async (style) => {
    const url = await engines.of(name).make(shopSchema(name));
    // Other rows have the numbers already.
    await change(
      url,
      "insert into auth_user (password, is_superuser, username, email, date_joined) values ('!', false, 'zoe', 'z', '2020-01-01 00:00:00')",
    );
    const file = write(dumpText(shopRecords(style)));
    expect(await counted("created", file, "--database", url)).toEqual(SHOP);
    expect(await counted("unchanged", file, "--database", url)).toEqual(SHOP);
    expect(await rowsOf(url, LINKS)).toEqual([
      'n° 0 "quoted" ] } \\ 🎧|null|null|null|null',
      'n° 1 "quoted" ] } \\ 🎧|n° 0 "quoted" ] } \\ 🎧|top|bob|ann',
      'n° 1 "quoted" ] } \\ 🎧|n° 0 "quoted" ] } \\ 🎧|top|bob|bob',
    ]);
    const [row = ""] = await rowsOf(
      url,
      "select id, price, made, lasts, big, ratio, facts from shop_item where parent_id is null",
    );
    const id = "0b5e1c1e-8c8e-4f7e-9f7c-0123456789ab";
    expect(row.split("|").slice(0, 6)).toEqual([
      name === "PostgreSQL" ? id : id.replaceAll("-", ""),
      name === "SQLite" ? "9.9" : "9.90",
      "1999-12-31",
      name === "PostgreSQL" ? "1 day 02:00:00" : "93600000000",
      "9223372036854775807",
      "0.1",
    ]);
    expect(JSON.parse(row.split("|")[6] ?? "")).toEqual({ b: [1, 2.5, null], a: "ü\n" });
    const [joined = ""] = await rowsOf(url, "select date_joined from auth_user where username = 'bob'");
    expect(joined).toMatch(/^2024-01-01 10:00:00\.123/);
    const others = await portable("verify", file, "--database", url, "--exclude", "auth.user");
    expect(others.stderr).toBe("");
    expect(others.code).toBe(0);
  });

  test("links to rows that only the database has are found by their keys, and not by another row's number", async () => {
    const url = await engines.of(name).make(shopSchema(name));
    await change(
      url,
      "insert into auth_user (id, password, is_superuser, username, email, date_joined) values (1, '!', false, 'zoe', 'z', '2020-01-01 00:00:00')",
    );
    const records = [
      {
        model: "auth.user",
        pk: 1,
        fields: { ...shopRecords("keys").find(({ model }) => model === "auth.user")?.fields, groups: [] },
      },
      { model: "shop.shelf", pk: 1, fields: { owner: ["zoe"], label: "hers" } },
      { model: "shop.shelf", pk: 2, fields: { owner: 1, label: "ann's" } },
    ];
    await counted("created", write(dumpText(records)), "--database", url);
    expect(
      await rowsOf(url, "select label, username from shop_shelf s join auth_user u on u.id = owner_id order by 1"),
    ).toEqual(["ann's|ann", "hers|zoe"]);
  });
});

describe("what real dumps look like", () => {
  test.each([
    ["log lines before the first bracket", () => `[2024-01-01 10:00] WARNING {"a": [1]}\nLoading [x]…\n${dump}`],
    ["a log without its line end", () => `/usr/lib/x.py:3: UserWarning: naive [${dump}`],
    ["a byte order mark", () => `\uFEFF${dump}`],
    ["UTF-16, as PowerShell writes it", () => Buffer.from(`\uFEFF${dump}`, "utf16le")],
    ["gzip", () => gzipSync(dump)],
    [
      "lines",
      () =>
        shopRecords("numbers")
          .map((one) => dumpText([one]).slice(1, -1))
          .join("\n"),
    ],
    [
      "lines behind a log, in gzip",
      () =>
        gzipSync(
          `{"level": "info"}\n${shopRecords("keys")
            .map((one) => `${dumpText([one]).slice(1, -1)}\n`)
            .join("")}`,
        ),
    ],
  ])("%s", async (_name, text) => {
    const url = await engines.of("SQLite").make(shopSchema("SQLite"));
    expect(await counted("created", write(text()), "--database", url)).toEqual(SHOP);
  });

  const cut = dump.slice(0, dump.indexOf('"bob@example.org"'));
  test("a dump that was cut off says its last whole record, and nothing is written", async () => {
    expect(await refusal(write(cut))).toMatch(
      /ends unexpectedly in line \d+.*the last complete record is 5, in line \d+: auth.user 21/s,
    );
    expect(await refusal(write(dump.slice(0, dump.lastIndexOf("]"))))).toMatch(
      /ends unexpectedly.*the last complete record is 9/s,
    );
    expect(await refusal(write(gzipSync(dump).subarray(0, -20)))).toMatch(/ends unexpectedly.*gzip/);
    expect(await refusal(write("[2024] no dump at all\n"))).toMatch(/contains no list of records/);
  });

  const first = (text: string, from: string, to: string): string => text.replace(from, () => to);
  test.each([
    ["NaN where JSON has none", () => first(dump, "2.5,", "NaN,"), [/line \d+: shop.item "1b5e.*facts.*NaN/]],
    ["a number that is none", () => first(dump, '"9.90"', '"dear"'), [/line \d+: shop.item "1b5e.*price.*dear/]],
    [
      "a number out of range",
      () => first(dump, "9223372036854775807", "9223372036854775808"),
      [/shop.item .*big.*9223372036854775808/],
    ],
    [
      "two records of one number",
      () => dumpText([...shopRecords("numbers"), ...shopRecords("numbers").slice(-1)], 1),
      [/duplicate of line \d+: 2 records of django_content_type have the same id \(3\)/],
    ],
    [
      "two records of one key",
      () => dumpText([...shopRecords("no numbers"), ...shopRecords("no numbers").slice(-1)], 1),
      [/records of django_content_type have the same app_label, model \(shop, item\)/],
    ],
    [
      "a model that is not there",
      () => first(dump, '"shop.shelf"', '"gone.thing"'),
      [/line \d+: the database has no table for gone.thing/],
    ],
    [
      "something behind its end",
      () => `${dump}\n[{"model": "auth.group"}]`,
      [/line \d+: unexpected text after the end of the dump/],
    ],
    ["a missing comma", () => first(dump, "\n },\n", "\n }\n"), [/expected a comma or the end of the list/]],
    [
      "a key that nobody has",
      () => first(dumpText(shopRecords("keys"), 1), '"ann"\n', '"eve"\n'),
      [/references the row \["eve"\] of auth_user, which is neither/],
    ],
    [
      "a number that nobody has",
      () => first(dump, '"owner": 22', '"owner": 99'),
      [/owner_id references auth_user 99, which is neither/],
    ],
    [
      "null where there may be none",
      () => first(dump, '"label": "top"', '"label": null'),
      [/shop.shelf 31: label is null/],
    ],
    [
      "no UTF-8",
      () => Buffer.concat([Buffer.from(dump.slice(0, 300)), Buffer.from([0xff]), Buffer.from(dump.slice(300))]),
      [/not valid UTF-8/],
    ],
  ] as const)("%s is an error that names it", async (_name, text, words) => {
    const said = await refusal(write(text()));
    for (const word of words) expect(said).toMatch(word);
  });

  test("a model without a table can be left out, and a field without a column wants --force", async () => {
    const url = await engines.of("SQLite").make(shopSchema("SQLite"));
    const odd = dumpText([...shopRecords("numbers"), { model: "gone.thing", pk: 1, fields: {} }]);
    expect(await counted("created", write(odd), "--database", url, "--exclude", "gone")).toEqual(SHOP);
    const more = write(first(dump, '"label": "top"', '"label": "top", "colour": "red"'));
    expect((await portable("import", more, "--database", url)).stderr).toMatch(/no column colour/);
    expect((await portable("import", more, "--database", url, "--force")).code).toBe(0);
    expect((await portable("import", more, "--database", url, "--models", "shop.nothing")).stderr).toMatch(
      /no records of shop.nothing/,
    );
    const only = await portable("import", write(dump), "--database", url, "--models", "shop.shelf");
    expect(only.tables.map(({ table }) => table)).toEqual(["shop_shelf"]);
  });

  test("numbers of rows that only the database has want --force", async () => {
    const url = await engines.of("SQLite").make(shopSchema("SQLite"));
    await change(
      url,
      "insert into auth_user (id, password, is_superuser, username, email, date_joined) values (7, '!', false, 'zoe', 'z', '2020-01-01 00:00:00')",
    );
    const file = write(dumpText([{ model: "shop.shelf", pk: 1, fields: { owner: 7, label: "hers" } }]));
    expect((await portable("import", file, "--database", url)).stderr).toMatch(/rows? references? by id/);
    expect((await portable("import", file, "--database", url, "--force")).code).toBe(0);
    expect(await rowsOf(url, "select owner_id from shop_shelf")).toEqual(["7"]);
  });
});

const SHELF = {
  model: "shelves",
  count: 1,
  records: [{ natural_key: [41], fields: { owner_username: "ann", label: "top" } }],
};
const ITEMS = {
  model: "shop_item",
  count: 1,
  records: [
    {
      natural_key: ["0b5e1c1e-8c8e-4f7e-9f7c-0123456789ab"],
      fields: { name: "one", shelf_pk: 41, fans: [["ann"], ["bob"]] },
    },
  ],
};
const USERS = {
  model: "auth_user",
  count: 2,
  records: shopRecords("keys")
    .filter(({ model }) => model === "auth.user")
    .map(({ fields: { groups: _groups, ...fields } }) => ({ natural_key: [fields["username"]], fields })),
};

function writeRecords(change: (text: string) => string = (text) => text): string {
  const place = join(directory, String(++files));
  mkdirSync(join(place, "core"), { recursive: true });
  const hash = createHash("sha256");
  for (const [name, content] of [
    ["core/auth_user.json", USERS],
    ["items.json", ITEMS],
    ["shelves.json", SHELF],
  ] as const) {
    const text = JSON.stringify(content, null, 2);
    hash.update(text);
    writeFileSync(join(place, name), change(text));
  }
  const manifest = {
    export_version: "1.0.0",
    export_format: "orcd-portal-export",
    created_at: "2026-01-17T14:45:00-05:00",
    source_portal: { url: "https://portal.example.org", name: "Portal" },
    schema_versions: { shop: "0002_more" },
    data_counts: { auth_user: 2, shop_item: 1, shelves: 1 },
    checksum: { algorithm: "sha256", value: hash.digest("hex") },
  };
  writeFileSync(join(place, "manifest.json"), JSON.stringify(manifest));
  return place;
}

describe("records", () => {
  test.each(NAMES)("into %s, with keys in the place of numbers, and parts of keys by name", async (name) => {
    const url = await engines.of(name).make(shopSchema(name));
    expect(await counted("created", writeRecords(), "--database", url)).toEqual({
      auth_user: 2,
      shop_item: 1,
      shop_item_fans: 2,
      shop_shelf: 1,
    });
    expect(await rowsOf(url, LINKS)).toEqual(["one|null|top|ann|ann", "one|null|top|ann|bob"]);
  });

  test("a changed file is found by the checksum, which can be left out", async () => {
    const changed = writeRecords((text) => text.replace("bob@", "rob@"));
    expect(await refusal(changed)).toMatch(/the checksum does not match the files/);
    const url = await engines.of("SQLite").make(shopSchema("SQLite"));
    expect((await portable("import", changed, "--database", url, "--no-verify-checksum")).code).toBe(0);
    const short = writeRecords((text) => text.replace('"count": 2', '"count": 3'));
    expect(await refusal(short, "--no-verify-checksum")).toMatch(/expected 3 records, found 2/);
  });

  test("migrations are compared: one that is missing here forbids it, one that came since is a warning", async () => {
    const migrated = async (...names: string[]): Promise<string> => {
      const url = await engines
        .of("SQLite")
        .make(
          `${shopSchema("SQLite")} create table django_migrations (id integer primary key, app varchar(9), name varchar(50), applied datetime);`,
        );
      await change(url, ...names.map((one) => `insert into django_migrations (app, name) values ('shop', '${one}')`));
      return url;
    };
    const codes: number[] = [];
    for (const url of [
      await migrated("0001_initial", "0002_more"),
      await migrated("0001_initial", "0002_more", "0003_new"),
      await migrated("0001_initial"),
    ])
      codes.push((await portable("check", writeRecords(), "--database", url)).code);
    expect(codes).toEqual([0, 3, 14]);
  });
});

describe("a ZIP of models", () => {
  function writeZip(metadata: object, ...more: string[]): string {
    const place = join(directory, String(++files));
    mkdirSync(join(place, "media"), { recursive: true });
    writeFileSync(join(place, "media", "photo.jpg"), "x");
    writeFileSync(join(place, "metadata.json"), JSON.stringify(metadata));
    const names = ["metadata.json", "media/photo.jpg"];
    for (const model of new Set(shopRecords("keys").map((one) => one.model))) {
      const [app = "", name = ""] = model.split(".");
      mkdirSync(join(place, app), { recursive: true });
      names.push(`${app}/${name}.json`);
      writeFileSync(
        join(place, app, `${name}.json`),
        dumpText(shopRecords("keys").filter((one) => one.model === model)),
      );
    }
    execFileSync("zip", ["-q", "-X", "backup.zip", ...names, ...more], { cwd: place });
    return join(place, "backup.zip");
  }
  const metadata = {
    version: "1.0",
    timestamp: "2025-12-20T23:35:47-05:00",
    database_engine: "django.db.backends.postgresql",
    models_count: 7,
    total_records: 9,
    includes_media: true,
  };

  test("is imported; its media are reported", async () => {
    const url = await engines.of("PostgreSQL").make(shopSchema("PostgreSQL"));
    expect(await counted("created", writeZip(metadata), "--database", url)).toEqual(SHOP);
    const { stderr } = await runInProcess("portable", ["check", writeZip(metadata), "--database", url]);
    expect(stderr).toMatch(/media\/: 1 file is not part of the database/);
  });

  test("is proved as a whole before anything is touched", async () => {
    expect(await refusal(writeZip({ ...metadata, total_records: 10 }))).toMatch(
      /expected 10 records by its metadata, found 9/,
    );
    expect(await refusal(writeZip({ ...metadata, version: "2.0" }))).toMatch(/version 2.0/);
    const whole = readFileSync(writeZip(metadata));
    expect(await refusal(write(whole.subarray(0, -30), "cut.zip"))).toMatch(/cut.zip/);
    const at = whole.indexOf("JFIF") === -1 ? whole.indexOf("photo.jpg") + 9 : 0;
    const changed = Buffer.from(whole);
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at);
    expect(await refusal(write(changed, "changed.zip"))).toMatch(/changed.zip/);
    const hostile = Buffer.from(whole.toString("latin1").replaceAll("media/photo.jpg", "../../photo.jpg"), "latin1");
    expect(await refusal(write(hostile, "hostile.zip"))).toMatch(/hostile.zip/);
  });
});
