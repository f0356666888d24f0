/** `verify` on dumps of real servers: read to their end, and their rows counted again. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verify, type Check } from "../../lib/ops/verify/run.ts";
import { runInProcess } from "../support/commands/in-process.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../support/servers/acquire.ts";
import { makeSite } from "../support/sites/site.ts";
import { makeTemp, removeTree, tempDirectory } from "../support/temp.ts";

/** A store with one run, of the database alone. */
interface Dumped {
  readonly store: string;
  readonly run: string;
  /** Relative to the run. */
  readonly dump: string;
}

async function backUp(directory: string, server: TestServer): Promise<Dumped> {
  writeFileSync(path.join(directory, "password"), server.password, { mode: 0o600 });
  const database = `database: { url: "${server.url}", password_file: ${directory}/password }`;
  const site = makeSite(directory, { config: { database } });
  const { code, stderr } = await runInProcess("backup_all", [
    "--config",
    site.config,
    "--dest",
    site.dest,
    "--steps",
    "db",
  ]);
  if (code !== 0) throw new Error(stderr);
  const [run = ""] = readdirSync(path.join(site.dest, "runs"));
  const [dump = ""] = readdirSync(path.join(site.dest, "runs", run, "db")).filter((name) =>
    /\.(dump|sql\.gz)$/.test(name),
  );
  return { store: site.dest, run, dump: `db/${dump}` };
}

/** What verify says of the dump when its bytes are changed and SHA256SUMS, the metadata and the rest agree with the change. */
async function checkChanged({ store, run, dump }: Dumped, change: (data: Buffer) => Buffer): Promise<Check> {
  const copy = path.join(tempDirectory(), "store");
  cpSync(store, copy, { recursive: true, verbatimSymlinks: true });
  const file = path.join(copy, "runs", run, dump);
  const before = readFileSync(file);
  const after = change(before);
  writeFileSync(file, after);
  const digest = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
  execFileSync(
    "sh",
    ["-c", `grep -rlZ ${digest(before)} . | xargs -0 -r sed -i s/${digest(before)}/${digest(after)}/`],
    { cwd: path.join(copy, "runs", run) },
  );
  return await checkDump(copy, run);
}

async function checkDump(store: string, run: string): Promise<Check> {
  const { checks } = await verify({ store, run, quick: false }, { signal: new AbortController().signal });
  const check = checks.find(({ id }) => id === "database_dump");
  if (check === undefined) throw new Error("the dump was not looked at");
  return check;
}

const messages = (check: Check): string => check.problems.map(({ message }) => message).join("\n");

describe.each([
  [
    "PostgreSQL",
    acquirePostgres,
    "create table parts (id int, year int) partition by range (year); create table parts_2025 partition of parts for values from (2025) to (2026); insert into parts select n, 2025 from generate_series(1, 40) n;",
  ],
  ["MariaDB", acquireMariadb, ""],
] as const)("a dump of %s", (name, start, extra) => {
  let directory: string;
  let server: TestServer;
  let dumped: Dumped;

  beforeAll(async () => {
    server = await start();
    directory = makeTemp();
    const quote = name === "MariaDB" ? "`" : '"';
    await server.sql(
      `create table ${quote}Order Items${quote} (id int, note text); create table nothing (id int); ${extra}`,
    );
    await server.sql(
      `insert into ${quote}Order Items${quote} values ${Array.from({ length: 500 }, (_, id) => `(${id}, 'item ${id}; (it)')`).join()}`,
    );
    if (name === "PostgreSQL") await server.sql("grant select on all tables in schema public to clara");
    dumped = await backUp(directory, server);
  });

  afterAll(async () => {
    await server?.release();
    removeTree(directory);
  });

  test("is sound, and as many tables are counted as there are", async () => {
    expect(await checkDump(dumped.store, dumped.run)).toMatchObject({
      state: "ok",
      figure: `1 dump, ${name === "MariaDB" ? 2 : 3} tables`,
    });
  });

  test("that was cut short is found", async () => {
    const check = await checkChanged(dumped, (data) => data.subarray(0, data.length - 700));
    expect(check.state).toBe("failed");
    expect(check.problems[0]?.path).toBe(dumped.dump);
  });

  test("whose data are damaged is found", async () => {
    const check = await checkChanged(dumped, (data) => {
      const damaged = Buffer.from(data);
      damaged.fill(0, Math.floor(data.length * 0.5), Math.floor(data.length * 0.5) + 300);
      return damaged;
    });
    expect(check.state).toBe("failed");
  });

  test("that is a sound dump of another database is found", async () => {
    const other = await server.createDatabase();
    await server.sql("create table nothing (id int)", other);
    const elsewhere = makeTemp();
    try {
      if (name === "PostgreSQL") await server.sql("grant select on all tables in schema public to clara", other);
      const stranger = await backUp(elsewhere, { ...server, url: server.urlOf(other) });
      const check = await checkChanged(dumped, () =>
        readFileSync(path.join(stranger.store, "runs", stranger.run, stranger.dump)),
      );
      expect(messages(check)).toMatch(/Order Items/);
    } finally {
      removeTree(elsewhere);
    }
  });
});

describe("a MariaDB dump", () => {
  let directory: string;
  let server: TestServer;
  let dumped: Dumped;

  beforeAll(async () => {
    server = await acquireMariadb();
    directory = makeTemp();
    await server.sql("create table words (word text); insert into words values ('one'), ('two')");
    dumped = await backUp(directory, server);
  });

  afterAll(async () => {
    await server?.release();
    removeTree(directory);
  });

  const changeText = async (change: (sql: string) => string): Promise<Check> =>
    await checkChanged(dumped, (data) => gzipSync(change(gunzipSync(data).toString("utf8"))));

  test("without its end mark is found, though the gzip stream is whole", async () => {
    expect(messages(await changeText((sql) => sql.slice(0, sql.indexOf("-- Dump completed"))))).toBe(
      "has no end mark: it is truncated",
    );
  });

  test("that lacks a row is found", async () => {
    expect(messages(await changeText((sql) => sql.replace("('one'),\n", "").replace("('one'),", "")))).toBe(
      "holds 1 row of words, but 2 were counted",
    );
  });
});
