/** Capturing SQLite files as a site has them: in use, left by a crash, out of reach, oddly named. Nothing may be left beside them. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { captureSqlite, describeSqlite } from "../../../lib/database/sqlite/capture.ts";
import type { SqliteDatabase } from "../../../lib/sqlite/database.ts";
import { openDatabase, processWith } from "../../support/sqlite.ts";
import { tempDirectory } from "../../support/temp.ts";

const ROWS = 500;

function fill(db: SqliteDatabase): void {
  db.exec("create table t (id integer primary key, txt text)");
  const insert = db.prepare("insert into t (txt) values (?)");
  db.exec("begin");
  for (let i = 0; i < ROWS; i++) insert.run(`row ${i} `.repeat(20));
  db.exec("commit");
}

/** What sqlite3, which is not ours, finds in a file. A copy is asked, so that the file stays as it is. */
async function ask(file: string, sql = "select count(*) from t"): Promise<string> {
  const copy = join(tempDirectory(), "asked.db");
  cpSync(file, copy);
  return (await execa("sqlite3", [copy, `pragma integrity_check; ${sql}`])).stdout.replaceAll("\n", " ");
}

function snapshotOf(directory: string): string[] {
  return readdirSync(directory).map((name) => {
    const { size, mtimeMs, ino } = statSync(join(directory, name));
    return `${name} ${size} ${mtimeMs} ${ino}`;
  });
}

describe.each(["delete", "persist", "truncate", "wal"])("journal_mode=%s", (mode) => {
  test("a closed database is captured, and its directory is not touched", async () => {
    const directory = tempDirectory();
    const db = openDatabase(join(directory, "site.db"));
    db.exec(`pragma journal_mode=${mode}`);
    fill(db);
    db.close();
    const before = snapshotOf(directory);
    const into = join(tempDirectory(), "copy.db");
    await captureSqlite(join(directory, "site.db"), into);
    expect(await ask(into)).toBe(`ok ${ROWS}`);
    expect(snapshotOf(directory)).toEqual(before);
    expect(statSync(into).mode & 0o777).toBe(0o640);
    const description = await describeSqlite(into);
    expect(description).toMatchObject({ integrity: "ok", tables: { t: ROWS }, page_size: 4096 });
    const { dev, ino } = statSync(join(directory, "site.db"), { bigint: true });
    await captureSqlite(join(directory, "site.db"), into, { expected: { dev, ino } });
    await expect(
      captureSqlite(join(directory, "site.db"), join(tempDirectory(), "other"), { expected: { dev, ino: ino + 1n } }),
    ).rejects.toMatchObject({ code: "E_MISSING" });
    expect(description.journal_mode).toBe(mode === "wal" ? "wal" : "delete");
    expect(readdirSync(join(into, ".."))).toEqual(["copy.db"]);
  });

  test("a database that another process is writing is captured as of its last commit", async () => {
    const directory = tempDirectory();
    const db = openDatabase(join(directory, "site.db"));
    db.exec(`pragma journal_mode=${mode}`);
    fill(db);
    if (mode === "wal") db.exec("begin; insert into t (txt) values ('not committed')");
    const names = readdirSync(directory);
    const into = join(tempDirectory(), "copy.db");
    await captureSqlite(join(directory, "site.db"), into);
    expect(await ask(into)).toBe(`ok ${ROWS}`);
    expect(readdirSync(directory)).toEqual(names);
    db.close();
  });

  test.each(["keeps it open", "opens it anew each time"])(
    "a database under constant writing by one who %s is captured whole",
    async (kind) => {
      const directory = tempDirectory();
      const file = join(directory, "site.db");
      const db = openDatabase(file);
      db.exec(`pragma journal_mode=${mode}`);
      fill(db);
      for (let i = 0; i < 6; i++) db.exec("insert into t (txt) select txt from t");
      db.exec(
        "create table pair (n integer); insert into pair values (0); create table other (n integer); insert into other values (0)",
      );
      db.close();
      const code = `db.exec("pragma synchronous=off");
      const both = () => db.exec("begin immediate; update pair set n = n + 1; update other set n = n + 1; commit");
      both(); console.log("ready");
      ${
        kind === "keeps it open"
          ? "setInterval(() => both(), 2)"
          : `db.close();
      setInterval(() => { db = openSqliteFile(process.argv[1], { mode: "create", busyTimeout: 20000 }); both(); db.close(); }, 2)`
      };`;
      const writer = spawn(process.execPath, processWith(file, code));
      try {
        await new Promise((resolve, reject) => {
          writer.stdout.once("data", resolve);
          writer.once("exit", reject);
        });
        for (let i = 0; i < 3; i++) {
          const into = join(tempDirectory(), "copy.db");
          await captureSqlite(file, into);
          expect(await ask(into, "select count(*) from t; select n = (select n from other), n > 0 from pair")).toBe(
            `ok ${ROWS * 64} 1|1`,
          );
        }
      } finally {
        writer.kill();
      }
    },
  );
});

test("what a crashed process left in its WAL is in the copy, and its files stay as they are", async () => {
  const live = tempDirectory();
  const db = openDatabase(join(live, "site.db"));
  db.exec("pragma journal_mode=wal");
  fill(db);
  const directory = tempDirectory();
  for (const end of ["", "-wal"]) cpSync(join(live, `site.db${end}`), join(directory, `site.db${end}`));
  db.close();
  const before = snapshotOf(directory);
  const into = join(tempDirectory(), "copy.db");
  await captureSqlite(join(directory, "site.db"), into);
  expect(await ask(into)).toBe(`ok ${ROWS}`);
  expect(snapshotOf(directory)).toEqual(before);
  expect(readdirSync(join(into, ".."))).toEqual(["copy.db"]);
});

test("what a crashed process had half written is rolled back in the copy, and its journal stays as it is", async () => {
  const directory = tempDirectory();
  const file = join(directory, "site.db");
  const db = openDatabase(file);
  fill(db);
  db.close();
  const code = `db.exec("pragma cache_size=5; begin; update t set txt = 'half written'"); process.kill(process.pid, "SIGKILL");`;
  await execa(process.execPath, processWith(file, code), { reject: false });
  expect(readdirSync(directory)).toEqual(["site.db", "site.db-journal"]);
  const before = snapshotOf(directory);
  const into = join(tempDirectory(), "copy.db");
  await captureSqlite(join(directory, "site.db"), into);
  expect(await ask(into, "select count(*) from t where txt = 'half written'")).toBe("ok 0");
  expect(snapshotOf(directory)).toEqual(before);
});

test("a WAL database in a directory that may not be written is captured", async () => {
  const directory = tempDirectory();
  const db = openDatabase(join(directory, "site.db"));
  db.exec("pragma journal_mode=wal");
  fill(db);
  db.close();
  chmodSync(join(directory, "site.db"), 0o444);
  chmodSync(directory, 0o555);
  const into = join(tempDirectory(), "copy.db");
  await captureSqlite(join(directory, "site.db"), into);
  expect(await ask(into)).toBe(`ok ${ROWS}`);
  chmodSync(directory, 0o755);
});

test.each([
  ["spaces at both ends", Buffer.from(" site.db ")],
  ["emoji and a newline", Buffer.from("🎉\nsite.db")],
  ["a leading dash and a question mark", Buffer.from("-site.db?mode=rw")],
  ["bytes that are no UTF-8", Buffer.from([0x66, 0xff, 0xe9, 0x2e, 0x64, 0x62])],
])("a name with %s", async (_what, name) => {
  for (const open of [false, true]) {
    const directory = tempDirectory();
    const plain = join(directory, "plain.db");
    const db = openDatabase(plain);
    db.exec("pragma journal_mode=wal");
    fill(db);
    if (!open) db.close();
    const file = Buffer.concat([Buffer.from(`${directory}/`), name]);
    for (const end of open ? ["", "-wal", "-shm"] : [""])
      renameSync(plain + end, Buffer.concat([file, Buffer.from(end)]));
    const before = readdirSync(directory, "latin1");
    const into = join(tempDirectory(), "copy.db");
    await captureSqlite(file.toString("latin1"), into);
    expect(await ask(into)).toBe(`ok ${ROWS}`);
    expect(await describeSqlite(file.toString("latin1"))).toMatchObject({ tables: { t: ROWS } });
    expect(readdirSync(directory, "latin1")).toEqual(before);
    if (open) db.close();
  }
});

test("a link to a database is followed, with the WAL that lies beside the database itself", async () => {
  const [directory, links] = [tempDirectory(), tempDirectory()];
  const db = openDatabase(join(directory, "site.db"));
  db.exec("pragma journal_mode=wal");
  fill(db);
  symlinkSync(join(directory, "site.db"), join(links, "link.db"));
  const into = join(tempDirectory(), "copy.db");
  await captureSqlite(join(links, "link.db"), into);
  expect(await ask(into)).toBe(`ok ${ROWS}`);
  db.close();
  await captureSqlite(join(links, "link.db"), join(tempDirectory(), "copy.db"));
});

test("a file that is not a database, a damaged one and a missing one have errors of their own, and leave nothing", async () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, "text.db"), "this is just some text, and not a database at all");
  const into = join(tempDirectory(), "copy.db");
  await expect(captureSqlite(join(directory, "text.db"), into)).rejects.toMatchObject({
    code: "E_SQLITE",
    message: expect.stringContaining("text.db"),
  });
  await expect(captureSqlite(join(directory, "none.db"), into)).rejects.toMatchObject({ code: "E_MISSING" });
  mkdirSync(join(directory, "directory.db"));
  await expect(captureSqlite(join(directory, "directory.db"), into)).rejects.toMatchObject({ name: "HoldfastError" });
  expect(readdirSync(join(into, ".."))).toEqual([]);
  const db = openDatabase(join(directory, "damaged.db"));
  fill(db);
  db.close();
  const bytes = readFileSync(join(directory, "damaged.db"));
  bytes.fill(0xaa, 4096 * 3, 4096 * 4);
  writeFileSync(join(directory, "damaged.db"), bytes);
  const damaged = await describeSqlite(join(directory, "damaged.db")).catch((error: unknown) => error);
  expect(JSON.stringify(damaged)).toMatch(/E_SQLITE|malformed|invalid|btree/i);
});

test("views, virtual tables and what these keep their data in are not counted", async () => {
  const file = join(tempDirectory(), "site.db");
  const db = openDatabase(file);
  db.exec(`create table "Order Items" (id integer primary key autoincrement); insert into "Order Items" default values;
    create table pairs (a, b, primary key (a, b)) without rowid; insert into pairs values (1, 2), (3, 4);
    create view seen as select 1; create virtual table words using fts5 (txt); insert into words values ('x');
    pragma user_version = 7`);
  db.close();
  const description = await describeSqlite(file);
  expect(description.tables).toEqual({ "Order Items": 1, pairs: 2 });
  expect(description.user_version).toBe(7);
  expect(description.schema).toContain("CREATE VIEW seen as select 1");
});

test("the same database gives the same bytes", async () => {
  const directory = tempDirectory();
  const db = openDatabase(join(directory, "site.db"));
  db.exec("pragma journal_mode=wal");
  fill(db);
  const copies = tempDirectory();
  await captureSqlite(join(directory, "site.db"), join(copies, "1"));
  await captureSqlite(join(directory, "site.db"), join(copies, "2"));
  db.close();
  expect(readFileSync(join(copies, "1")).equals(readFileSync(join(copies, "2")))).toBe(true);
});
