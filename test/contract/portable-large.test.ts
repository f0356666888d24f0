/** Large values travel in files of their own: the same in every engine, with the digests that they would have within their rows. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportTables } from "../../lib/portable/export.ts";
import type { ExportManifest } from "../../lib/portable/format.ts";
import { openPackage } from "../../lib/portable/package.ts";
import { planDatabase } from "../../lib/portable/plan-database.ts";
import { compareTables } from "../../lib/portable/verify.ts";
import { runBuilt } from "../support/backup.ts";
import { change, on, rowsOf, startEngines, type PortableEngines } from "../support/portable.ts";
import { makeTemp, removeTree } from "../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
/** Characters of one to four bytes, so that pieces of any length cut one. */
const MIXED = "aü€🎧";
const MIB = 1024 * 1024;

let engines: PortableEngines;
let directory: string;

beforeAll(async () => {
  directory = makeTemp("holdfast-large-");
  engines = await startEngines();
}, 120_000);
afterAll(async () => {
  await engines.stop();
  removeTree(directory);
});

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
  const { code, stdout, stderr } = await runBuilt("portable", [...args, "--json"]);
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
      async (connection) => await compareTables(connection, await openPackage(within, { verify: true, signal }), 1000),
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
