/** Large values travel in files of their own: the same in every engine, with the digests that they would have within their rows. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exportTables } from "../../../../lib/portable/export/run.ts";
import type { ExportManifest } from "../../../../lib/portable/format/documents.ts";
import { openExport } from "../../../../lib/portable/read/export-reader.ts";
import { planDatabase } from "../../../../lib/portable/plan/database.ts";
import { compareTables } from "../../../../lib/portable/compare/tables.ts";
import { runBuilt } from "../../../support/runs/backup.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { change, on, rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
/** Characters of one to four bytes, so that pieces of any length cut one. */
const MIXED = "aü€🎧";
const MIB = 1024 * 1024;

const engines = useEngines();
const directory = suiteDirectory("holdfast-large-");

const TYPES = {
  PostgreSQL: { bytes: "bytea", text: "text", json: "json" },
  MariaDB: { bytes: "longblob", text: "longtext", json: "json" },
  SQLite: { bytes: "blob", text: "text", json: "json" },
} as const;

type Name = (typeof NAMES)[number];

const schemaOf = (name: Name): string => {
  const { bytes, text, json } = TYPES[name];
  const key = name === "MariaDB" ? "varchar(40)" : "text";
  return `create table document (id ${name === "SQLite" ? "integer primary key" : "int primary key"}, code ${key} not null unique, body ${text}, scan ${bytes}, meta ${json}, note ${text});
    create table page (document ${name === "SQLite" ? "integer" : "int"} not null references document(id), number int not null, picture ${bytes}, primary key (document, number));`;
};

const hex = (name: Name, bytes: Buffer): string =>
  name === "PostgreSQL" ? `'\\x${bytes.toString("hex")}'` : `x'${bytes.toString("hex")}'`;

/** `characters` times four characters, behind a text that moves them against all borders. */
const textOf = (name: Name, times: number): string =>
  name === "SQLite"
    ? `'x' || replace(hex(zeroblob(${times})), '00', '${MIXED}')`
    : name === "PostgreSQL"
      ? `'x' || repeat('${MIXED}', ${times})`
      : `concat('x', repeat('${MIXED}', ${times}))`;

const bytesOf = (name: Name, times: number): string =>
  name === "SQLite"
    ? `cast('x' || replace(hex(zeroblob(${times})), '00', char(1) || 'bc') as blob)`
    : name === "PostgreSQL"
      ? `convert_to('x' || repeat(chr(1) || 'bc', ${times}), 'UTF8')`
      : `cast(concat('x', repeat(concat(char(1), 'bc'), ${times})) as binary)`;

const jsonOf = (name: Name, times: number): string =>
  name === "SQLite"
    ? `'{"b": [1.50, 2], "a": "' || replace(hex(zeroblob(${times})), '00', '${MIXED}') || '"}'`
    : name === "PostgreSQL"
      ? `('{"b": [1.50, 2], "a": "' || repeat('${MIXED}', ${times}) || '"}')::json`
      : `concat('{"b": [1.50, 2], "a": "', repeat('${MIXED}', ${times}), '"}')`;

/** Large ones of every sort, several in a row, small ones and NULLs beside them. `times` of ten bytes are large. */
const rowsFor = (name: Name, times: number): string[] => [
  `insert into document values (1, 'all', ${textOf(name, times)}, ${bytesOf(name, times * 4)}, ${jsonOf(name, times)}, 'short')`,
  `insert into document values (2, 'one', 'small', ${hex(name, Buffer.from([0, 255, 10, 92]))}, '{"a": 1}', ${textOf(name, times)})`,
  "insert into document values (3, 'none', null, null, null, null)",
  `insert into document values (4, 'same', ${textOf(name, times)}, null, '[]', '')`,
  `insert into page values (1, 1, ${bytesOf(name, times * 4)}), (1, 2, ${hex(name, Buffer.from("small"))}), (4, 1, null)`,
];

const lengths = (name: Name): string =>
  `select code, ${["body", "scan", "meta", "note"].map((column) => `octet_length(${name === "PostgreSQL" && column === "meta" ? "meta::text" : column})`).join(", ")} from document order by id`;

async function portable(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await runInProcess("portable", [...args, "--json"]);
  return { code: code ?? -1, stdout, stderr };
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await portable(...args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

const manifestOf = (output: string): ExportManifest =>
  JSON.parse(readFileSync(join(output, "manifest.json"), "utf8")) as ExportManifest;
const digestsOf = (output: string): string[] => manifestOf(output).tables.map(({ digest }) => digest);
const signal = new AbortController().signal;

async function exportAbove(large: number, url: string, output: string): Promise<void> {
  const request = { models: [], components: [], exclude: [], keys: {}, groups: {} };
  await on(url, "read", async (connection) => {
    const plan = await planDatabase(connection, request);
    await exportTables(connection, plan, { output, sourceName: null, sourceUrl: null, large }, () => {});
  });
}

describe.each(NAMES)("with a low limit, from %s", (from) => {
  let url: string;
  let output: string;
  beforeAll(async () => {
    url = await engines.of(from).make(schemaOf(from));
    await change(url, ...rowsFor(from, 60_000));
    output = join(directory, `low-${from}`);
    await exportAbove(1000, url, output);
  });

  test("large values are files named by their sha256, equal ones once, and the digests are those of an export without them", async () => {
    const files = readdirSync(join(output, "blobs"));
    expect(files.length).toBe(3);
    for (const file of files)
      expect(
        createHash("sha256")
          .update(readFileSync(join(output, "blobs", file)))
          .digest("hex"),
      ).toBe(file);
    expect(manifestOf(output).blobs?.map(({ sha256 }) => sha256)).toEqual(files.toSorted());
    const within = join(directory, `within-${from}`);
    await exportAbove(Number.MAX_SAFE_INTEGER, url, within);
    expect(manifestOf(within).blobs).toBeUndefined();
    expect(digestsOf(within)).toEqual(digestsOf(output));
    const compared = await on(
      url,
      "read",
      async (connection) =>
        await compareTables(connection, await openExport(within, { verify: true, signal }), signal, 1000),
    );
    expect(compared.map(({ same }) => same)).toEqual([true, true]);
  });

  test.each(NAMES)("to %s: every value, and again nothing changes", async (to) => {
    const target = await engines.of(to).make(schemaOf(to));
    const first = await run("import", output, "--database", target);
    expect(first).toContain('"created":4');
    expect(await rowsOf(target, lengths(to))).toEqual(await rowsOf(url, lengths(from)));
    const again = await run("import", output, "--database", target);
    expect(again).toContain('"unchanged":4');
    expect(again).toContain('"unchanged":3');
    expect((await portable("verify", output, "--database", target)).code).toBe(0);
    const back = join(directory, `back-${from}-${to}`);
    await exportAbove(1000, target, back);
    expect(digestsOf(back)).toEqual(digestsOf(output));
    expect(readdirSync(join(back, "blobs")).toSorted()).toEqual(readdirSync(join(output, "blobs")).toSorted());
    // One byte of one large value is noticed.
    const changed = to === "SQLite" ? "scan || 'y'" : to === "MariaDB" ? "concat(scan, 'y')" : "scan || 'y'::bytea";
    await change(target, `update document set scan = ${changed} where code = 'all'`);
    expect((await portable("verify", output, "--database", target)).code).toBe(13);
    expect(await run("import", output, "--database", target)).toContain('"updated":1');
    expect((await portable("verify", output, "--database", target)).code).toBe(0);
  });
});

describe.each(NAMES)("by the front door, from %s", (from) => {
  let url: string;
  let output: string;
  const LENGTH = 9 * MIB;
  beforeAll(async () => {
    url = await engines.of(from).make(schemaOf(from));
    await change(url, ...rowsFor(from, Math.ceil(LENGTH / 10)));
    output = join(directory, `front-${from}`);
    await run("export", "--database", url, "-o", output, "--no-timestamp");
  }, 60_000);

  test("values above 8 MiB are files, each the value itself, and its row names it", () => {
    const bytes = Buffer.concat([Buffer.from("x"), Buffer.alloc(3 * 4 * Math.ceil(LENGTH / 10), "\u0001bc")]);
    const text = `x${MIXED.repeat(Math.ceil(LENGTH / 10))}`;
    const [scan, body] = [bytes, text].map((one) => createHash("sha256").update(one).digest("hex"));
    expect(readdirSync(join(output, "blobs"))).toEqual(expect.arrayContaining([scan, body]));
    expect(manifestOf(output).blobs).toContainEqual({ sha256: scan, size_bytes: bytes.length });
    const file = manifestOf(output).tables[0]?.files[0]?.path ?? "";
    const lines = execFileSync("gzip", ["-dc", join(output, file)], { encoding: "utf8" }).split("\n");
    expect(lines.find((line) => line.includes('"same"'))).toContain(
      JSON.stringify({ $: "blob", sha256: body, bytes: Buffer.byteLength(text) }),
    );
    expect(Math.max(...lines.slice(1).map((line) => line.length))).toBeLessThan(2000);
  });

  test("as one file: the same, and unpacked by unzip", async () => {
    const file = join(directory, `front-${from}.zip`);
    await run("export", "--database", url, "-o", file);
    const listed = execFileSync("unzip", ["-Z1", file], { encoding: "utf8" }).trim().split("\n");
    expect(listed.filter((name) => name.startsWith("blobs/")).length).toBe(3);
    expect(listed.at(-1)).toBe("manifest.json");
    expect((await portable("verify", file, "--database", url)).code).toBe(0);
    const target = await engines.of(from).make(schemaOf(from));
    await run("import", file, "--database", target);
    expect(await rowsOf(target, lengths(from))).toEqual(await rowsOf(url, lengths(from)));
    expect((await portable("verify", file, "--database", target)).code).toBe(0);
  });
});

describe("rows are found again", () => {
  const text = (name: Name): string => textOf(name, 500);
  test.each([
    ["a table without a key", "MariaDB", "create table t (a int, v longtext)", "a"],
    ["a latin1 text", "MariaDB", "create table t (a int primary key, v longtext character set latin1)", "a"],
    [
      "a key of several columns",
      "MariaDB",
      "create table t (a int, b varchar(20) default 'é', v longtext, primary key (b, a))",
      "a",
    ],
    ["a table without a key", "SQLite", "create table t (a integer, rowid text, v text)", "a"],
    ["a table without row ids", "SQLite", "create table t (a text primary key, v text) without rowid", "a"],
    ["a table without a key", "PostgreSQL", "create table t (a int, v text)", "a"],
    [
      "partitions",
      "PostgreSQL",
      "create table t (a int, v text) partition by range (a); create table t1 partition of t for values from (0) to (2); create table t2 partition of t for values from (2) to (9)",
      "a",
    ],
    ["arrays", "PostgreSQL", "create table t (a int primary key, v text[])", "a"],
  ] as const)("%s (%s)", async (_what, name, schema, a) => {
    const url = await engines.of(name).make(`${schema};`);
    const value = schema.includes("latin1")
      ? "concat('x', repeat('aü', 900))"
      : schema.includes("[]")
        ? `array[${text(name)}, null, 'b']`
        : text(name);
    await change(url, ...["1", "2", "3"].map((one) => `insert into t (${a}, v) values (${one}, ${value})`));
    await change(url, `insert into t (${a}, v) values (4, ${schema.includes("[]") ? "'{}'" : "'short'"})`);
    const both = mkdtempSync(join(directory, "both-"));
    const [apart, within] = [join(both, "apart"), join(both, "within")];
    await exportAbove(1000, url, apart);
    await exportAbove(Number.MAX_SAFE_INTEGER, url, within);
    expect(manifestOf(apart).blobs?.length).toBe(1);
    expect(manifestOf(apart).data_counts).toEqual(manifestOf(within).data_counts);
    expect(digestsOf(apart)).toEqual(digestsOf(within));
    const target = await engines.of(name).make(`${schema};`);
    await run("import", apart, "--database", target);
    expect((await portable("verify", within, "--database", target)).code).toBe(0);
  });
});

test.each([
  ["text", "SQLite", "note text", "PostgreSQL", "note bytea"],
  ["bytes", "PostgreSQL", "note bytea", "MariaDB", "note longtext"],
  ["JSON", "MariaDB", "note json", "SQLite", "note text"],
  ["text that is JSON", "SQLite", "note text", "MariaDB", "note json"],
] as const)(
  "%s arrives in a column of another sort, and compares as what it was",
  async (sort, from, own, to, other) => {
    const url = await engines.of(from).make(schemaOf(from).replace("note text", own).replace("note longtext", own));
    const value = sort.includes("JSON")
      ? jsonOf(from, 500)
      : from === "PostgreSQL"
        ? `convert_to(${textOf(from, 500)}, 'UTF8')`
        : textOf(from, 500);
    await change(url, `insert into document (id, code, note) values (1, 'one', ${value})`);
    const output = join(directory, `sort-${from}-${to}`);
    await exportAbove(1000, url, output);
    const target = await engines.of(to).make(schemaOf(to).replace("note text", other).replace("note longtext", other));
    await run("import", output, "--database", target);
    expect((await portable("verify", output, "--database", target)).code).toBe(0);
    const compared = await on(
      target,
      "read",
      async (connection) =>
        await compareTables(connection, await openExport(output, { verify: true, signal }), signal, 1000),
    );
    expect(compared.every(({ same }) => same)).toBe(true);
  },
);

describe.each([
  ["PostgreSQL", "uid uuid, seen timestamp, body text, scan bytea, meta jsonb, off boolean"],
  ["MariaDB", "uid char(32), seen datetime, body longtext, scan longblob, meta json, off boolean"],
  ["SQLite", "uid text, seen datetime, body blob, scan text, meta text, off boolean"],
] as const)("verify of %s with values above 8 MiB and columns of other types", (to, columns) => {
  const UID = "7F1C0D1E89AB4CDE8F0123456789ABCD";
  test("finds the same rows the same, and any other value different", async () => {
    const key = to === "MariaDB" ? "varchar(40)" : "text";
    const url = await engines
      .of("SQLite")
      .make(
        "create table filed (id integer primary key, code text not null unique, uid text, seen text, body text, scan text, meta text, off text);",
      );
    const times = Math.ceil((9 * MIB) / 10);
    const uid = to === "PostgreSQL" ? UID : UID.toLowerCase();
    const rows = `('large', '${uid}', '20240229100000', ${textOf("SQLite", times)}, ${textOf("SQLite", times)}, ${jsonOf("SQLite", times)}, '1'), ('small', '${uid}', '20240229100001', 'a', 'b', '{"b": 1.0}', '0')`;
    await change(url, `insert into filed (code, uid, seen, body, scan, meta, off) values ${rows}`);
    const output = join(mkdtempSync(join(directory, "kinds-")), "export");
    await run("export", "--database", url, "-o", output, "--no-timestamp");
    const target = await engines
      .of(to)
      .make(`create table filed (id int primary key, code ${key} not null unique, ${columns});`);
    await run("import", output, "--database", target);
    expect((await portable("verify", output, "--database", target)).code).toBe(0);
    const isPostgres = to === "PostgreSQL";
    for (const [column, code, changed] of [
      ["meta", "large", isPostgres ? "jsonb_set(%, '{b}', '[1.5, 3]')" : "replace(%, '1.50', '1.51')"],
      ["seen", "small", "'2024-02-29 10:00:02'"],
    ] as const) {
      const value = changed.replace("%", column);
      await change(
        target,
        `create table kept as select code, ${column} from filed`,
        `update filed set ${column} = ${value} where code = '${code}'`,
      );
      expect([column, (await portable("verify", output, "--database", target)).code]).toEqual([column, 13]);
      await change(
        target,
        `update filed set ${column} = (select k.${column} from kept k where k.code = filed.code)`,
        "drop table kept",
      );
    }
    expect((await portable("verify", output, "--database", target)).code).toBe(0);
  });
});

test("a key is in its row however long it is", async () => {
  const url = await engines.of("SQLite").make(schemaOf("SQLite"));
  await change(url, `insert into document (id, code, note) values (1, ${textOf("SQLite", 500)}, 'short')`);
  const output = join(directory, "key");
  await exportAbove(1000, url, output);
  expect(manifestOf(output).blobs).toBeUndefined();
  expect((await portable("verify", output, "--database", url)).code).toBe(0);
});

test("a database in UTF-16 takes them, and gives its texts within their rows", async () => {
  const url = await engines.of("SQLite").make(schemaOf("SQLite"));
  await change(url, ...rowsFor("SQLite", 500));
  const [output, back] = [join(directory, "narrow"), join(directory, "wide")];
  await exportAbove(1000, url, output);
  const wide = await engines.of("SQLite").make(`pragma encoding = 'UTF-16le'; ${schemaOf("SQLite")}`);
  await run("import", output, "--database", wide);
  expect((await portable("verify", output, "--database", wide)).code).toBe(0);
  await exportAbove(1000, wide, back);
  expect(digestsOf(back)).toEqual(digestsOf(output));
  expect(manifestOf(back).blobs?.length).toBe(1);
});

test("a migration package has them with its data", async () => {
  const url = await engines.of("SQLite").make(schemaOf("SQLite"));
  await change(url, "insert into document (id, code, scan) values (1, 'long', zeroblob(9000000))");
  const file = join(directory, "site.tgz");
  await run("package", "--database", url, "-o", file);
  const into = mkdtempSync(join(directory, "package-"));
  execFileSync("tar", ["-xzf", file, "-C", into]);
  const data = join(into, "data");
  expect(readdirSync(join(data, "blobs"))).toEqual(manifestOf(data).blobs?.map(({ sha256 }) => sha256));
  expect((await portable("verify", data, "--database", url)).code).toBe(0);
});

test("300 MB of one value: out of PostgreSQL and in again, in less than 200 MB of memory", async () => {
  const schema = "create table scan (id int primary key, code text not null unique, content bytea);";
  const url = await engines.of("PostgreSQL").make(schema);
  await change(
    url,
    `insert into scan select 1, 'a', string_agg(decode(md5(i::text) || repeat(md5((i + 1)::text), 1023), 'hex'), ''::bytea)
      from generate_series(1, 18311) as i`,
  );
  const output = join(directory, "huge");
  const target = await engines.of("PostgreSQL").make(schema);
  const measured =
    "data:text/javascript,process.on('exit',()=>process.stderr.write('maxRSS='+process.resourceUsage().maxRSS))";
  for (const args of [
    ["export", "--database", url, "-o", output, "--no-timestamp"],
    ["import", output, "--database", target],
  ]) {
    const { code, stderr } = await runBuilt("portable", args, { env: { NODE_OPTIONS: `--import=${measured}` } });
    expect(code).toBe(0);
    const peak = Number(/maxRSS=(\d+)$/.exec(stderr)?.[1]);
    expect(peak).toBeGreaterThan(30_000);
    expect(peak).toBeLessThan(200_000);
  }
  expect(manifestOf(output).blobs?.map(({ size_bytes }) => size_bytes)).toEqual([300_007_424]);
  const sum = "select octet_length(content), md5(content) from scan";
  expect(await rowsOf(target, sum)).toEqual(await rowsOf(url, sum));
}, 300_000);

describe("damage and limits", () => {
  let output: string;
  let target: string;
  const copied = (name: string): string => {
    const copy = join(directory, name);
    cpSync(output, copy, { recursive: true });
    return copy;
  };
  const blobOf = (copy: string, at = 0): string => join(copy, "blobs", manifestOf(copy).blobs?.[at]?.sha256 ?? "none");
  beforeAll(async () => {
    const url = await engines.of("SQLite").make(schemaOf("SQLite"));
    await change(url, ...rowsFor("SQLite", 200));
    output = join(directory, "damaged");
    await exportAbove(1000, url, output);
    target = await engines.of("SQLite").make(schemaOf("SQLite"));
  });

  test.each([
    ["missing", (file: string) => rmSync(file), "is missing"],
    ["cut", (file: string) => truncateSync(file, 500), "has 500 bytes"],
    ["altered", (file: string) => alter(file), "does not match the manifest"],
  ])("a file that is %s is refused with its name, and nothing is written", async (name, damage, said) => {
    const copy = copied(`damaged-${name}`);
    const file = blobOf(copy);
    damage(file);
    const { code, stderr } = await portable("import", copy, "--database", target);
    expect(code).toBe(13);
    expect(stderr).toContain(`blobs/${file.split("/").at(-1)}: ${said}`);
    expect(await rowsOf(target, "select count(*) from document")).toEqual(["0"]);
  });

  test("unasked for, an altered file is noticed when it is read", async () => {
    const copy = copied("unasked");
    alter(blobOf(copy));
    const { code, stderr } = await portable("import", copy, "--database", target, "--no-verify-checksum");
    expect([code, stderr]).toEqual([13, expect.stringContaining("does not match the checksum in its name")]);
    expect(await rowsOf(target, "select count(*) from document")).toEqual(["0"]);
  });

  test("a list of large values that was changed is not that of the checksum; one that lacks a value is refused with the row", async () => {
    const copy = copied("listed");
    const manifest = manifestOf(copy);
    writeFileSync(join(copy, "manifest.json"), JSON.stringify({ ...manifest, blobs: manifest.blobs?.slice(1) }));
    const { code, stderr } = await portable("import", copy, "--database", target);
    expect([code, stderr]).toEqual([13, expect.stringContaining("its checksum does not match its contents")]);
    const unasked = await portable("import", copy, "--database", target, "--no-verify-checksum");
    expect(unasked.stderr).toMatch(/line \d: refers to a large value that the manifest does not list/);
  });

  test("what a column has no room for is refused by table, row and limit, and nothing is written", async () => {
    const small = await engines
      .of("MariaDB")
      .make(schemaOf("MariaDB").replace("scan longblob", "scan varbinary(1500)"));
    const { code, stderr } = await portable("import", output, "--database", small);
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      'document.scan of row ["all"] cannot hold a value of 2401 bytes; the limit of varbinary(1500) is 1500',
    );
    const narrow = await engines
      .of("PostgreSQL")
      .make(schemaOf("PostgreSQL").replace("note text", "note varchar(700)"));
    const other = await portable("import", output, "--database", narrow);
    expect(other.stderr).toContain(
      'document.note of row ["one"] expects at most 700 characters, but the value has 801',
    );
    for (const url of [small, narrow]) expect(await rowsOf(url, "select count(*) from document")).toEqual(["0"]);
  });

  test("a value beyond the server's packet is refused with that limit", async () => {
    const url = await engines.of("SQLite").make(schemaOf("SQLite"));
    await change(url, "insert into document (id, code, scan) values (1, 'long', zeroblob(17000000))");
    const long = join(directory, "long");
    await run("export", "--database", url, "-o", long, "--no-timestamp");
    const maria = await engines.of("MariaDB").make(schemaOf("MariaDB"));
    const { stderr } = await portable("import", long, "--database", maria);
    expect(stderr).toContain(
      'document.scan of row ["long"] cannot hold a value of 17000000 bytes; the limit of this server\'s max_allowed_packet is 16777216',
    );
  });

  test("a value as long as the server's packet arrives", async () => {
    const url = await engines.of("SQLite").make(schemaOf("SQLite"));
    await change(
      url,
      "insert into document (id, code, scan) values (1, 'bytes', zeroblob(16777216))",
      `insert into document (id, code, note) values (2, 'text', ${textOf("SQLite", 1_677_721)})`,
    );
    const long = join(directory, "packet");
    await run("export", "--database", url, "-o", long, "--no-timestamp");
    const maria = await engines.of("MariaDB").make(schemaOf("MariaDB"));
    await run("import", long, "--database", maria);
    expect(await rowsOf(maria, "select octet_length(scan), octet_length(note) from document order by id")).toEqual([
      "16777216|null",
      "null|16777211",
    ]);
    expect(await run("import", long, "--database", maria)).toContain('"unchanged":2');
    expect((await portable("verify", long, "--database", maria)).code).toBe(0);
  });

  test("SQLite's values that are not of their columns' types arrive as what they are; a text with a NUL byte or no text at all is refused", async () => {
    const url = await engines.of("SQLite").make(schemaOf("SQLite"));
    const long = "replace(hex(zeroblob(1000)), '00', 'abc')";
    await change(url, `insert into document (id, code, body, scan) values (1, 'odd', cast(${long} as blob), ${long})`);
    const odd = join(directory, "odd");
    await exportAbove(1000, url, odd);
    const other = await engines.of("SQLite").make(schemaOf("SQLite"));
    await run("import", odd, "--database", other);
    expect(await rowsOf(other, "select typeof(body), typeof(scan), length(body) from document")).toEqual([
      "blob|text|3000",
    ]);
    expect((await portable("verify", odd, "--database", other)).code).toBe(0);
    const postgres = await engines.of("PostgreSQL").make(schemaOf("PostgreSQL"));
    expect((await portable("import", odd, "--database", postgres)).stderr).toContain(
      'document.body of row ["odd"] cannot hold a large value of 3000 bytes; it takes text',
    );
    await change(url, `update document set body = cast(x'00' as text) || ${long}, scan = null`);
    const nul = join(directory, "nul");
    await exportAbove(1000, url, nul);
    expect((await portable("import", nul, "--database", postgres)).stderr).toContain("contains a NUL byte");
    await change(url, `update document set body = cast(x'ff' || cast(${long} as blob) as text)`);
    await expect(exportAbove(1000, url, join(directory, "bad"))).rejects.toThrow(
      "document.body: the text in row (1) is not valid UTF-8",
    );
  });

  test.each(["records", "zip"])(
    "--format %s refuses what has no place in a row of text, and says the way out",
    async (format) => {
      const url = await engines.of("SQLite").make(schemaOf("SQLite"));
      await change(url, "insert into document (id, code, scan) values (1, 'long', zeroblob(40000000))");
      const to = join(directory, format === "zip" ? "refused.zip" : "refused");
      const { code, stderr } = await portable(
        "export",
        "--database",
        url,
        "--format",
        format,
        "-o",
        to,
        "--no-timestamp",
      );
      expect(code).toBe(1);
      expect(stderr).toContain("document.scan of row (1) has 40000000 bytes: this format allows at most 33554432");
      expect(stderr).toContain("--format native");
      expect(existsSync(to)).toBe(false);
    },
  );
});

function alter(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
