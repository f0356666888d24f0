/** The contract of lib/sqlite, on every library that this Node can load: `.ci/nodes` runs it on each version of Node. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { spawn } from "node:child_process";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { SqliteDatabase } from "../../../lib/sqlite/database.ts";
import { SqliteError } from "../../../lib/sqlite/error.ts";
import { sqliteDriver, sqliteDrivers } from "../../../lib/sqlite/open.ts";
import { loadNodeSqlite, readsWholeTexts } from "../../../lib/sqlite/node-sqlite.ts";
import { firstColumn, firstValue } from "../../../lib/sqlite/query.ts";
import { assertWholeTexts } from "../../../lib/sqlite/whole-texts.ts";
import { PROJECT } from "../../support/commands/run.ts";
import { processWith } from "../../support/sqlite.ts";
import { tempDirectory } from "../../support/temp.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const refusal = (code: string) => expect.objectContaining({ name: "SqliteError", code });

test("at least one library serves, and the built-in one where it reads texts whole", () => {
  const names = sqliteDrivers().map(({ name }) => name);
  expect(names.length).toBeGreaterThan(0);
  expect(names.includes("node:sqlite")).toBe(major > 22 || (major === 22 && minor >= 16));
  expect(sqliteDriver().name).toBe(
    major > 24 || (major === 24 && minor >= 20)
      ? "node:sqlite"
      : names.includes("better-sqlite3")
        ? "better-sqlite3"
        : "node:sqlite",
  );
});

describe.each(sqliteDrivers().map((driver) => [driver.name, driver] as const))("%s", (name, driver) => {
  const module = loadNodeSqlite();
  const isWhole = name === "better-sqlite3" || (module !== undefined && readsWholeTexts(module));

  function create(...sql: readonly string[]): { db: SqliteDatabase; path: string } {
    const path = join(tempDirectory(), "site.db");
    const db = driver.open(path, { mode: "create" });
    for (const one of sql) db.exec(one);
    return { db, path };
  }

  test("every kind of value comes back as it was given", () => {
    const { db } = create("create table t (v)");
    const values = [
      null,
      0n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      2n ** 53n + 1n,
      0.1,
      -1e300,
      3.0,
      "",
      "é🎉\n",
      Buffer.from([]),
      Buffer.from([0, 255, 0]),
    ];
    for (const value of values) expect(db.prepare("insert into t values (?)").run(value)).toBe(1);
    expect(db.prepare("select v from t").all()).toEqual(values.map((value) => [value]));
    expect(firstColumn(db, "select typeof(v) from t").slice(1, 6)).toEqual([
      "integer",
      "integer",
      "integer",
      "integer",
      "real",
    ]);
    expect(db.prepare("select v from t where rowid = ?").get(12n)?.[0]).toBeInstanceOf(Buffer);
    expect(() => db.prepare("insert into t values (?)").run(2n ** 63n)).toThrow();
    db.close();
  });

  test.runIf(isWhole)("a text with a NUL is whole", () => {
    const { db } = create("create table t (v)");
    db.prepare("insert into t values (?)").run("a\0b\0");
    expect(firstValue(db, "select v from t")).toBe("a\0b\0");
    expect(firstValue(db, "select length(cast(v as blob)) from t")).toBe(4n);
    db.close();
  });

  test("a library that cuts texts at a NUL refuses such rows and no others", () => {
    const { db } = create(
      "create table t (id, v)",
      "insert into t values (1, 'whole'), (2, char(97, 0, 98)), (3, x'610062')",
    );
    const guarded = (sql: string) => assertWholeTexts(db.prepare(sql), sql, (check) => db.prepare(check));
    expect(guarded("select id, v from t where id <> 2 order by id; ").all()).toEqual([
      [1n, "whole"],
      [3n, Buffer.from("a\0b")],
    ]);
    expect(guarded("select id, id from t where id = ? -- a comment").get(2)).toEqual([2n, 2n]);
    for (const read of ["all", "get"] as const)
      expect(() => guarded("select v from t where id = ?")[read](2)).toThrow(/NUL/);
    expect(() => [...guarded("with q as (select v from t) select * from q").iterate()]).toThrow(/NUL/);
    expect(guarded("pragma user_version").get()).toEqual([0n]);
    expect(guarded("delete from t").run()).toBe(3);
    db.close();
  });

  test("columns have their names, also twice the same and without rows; a statement without rows has none", () => {
    const { db } = create("create table t (a, b)");
    expect(db.prepare('select a, b as "x y", a from t').columns).toEqual(["a", "x y", "a"]);
    expect(db.prepare("insert into t values (1, 2)").columns).toEqual([]);
    expect(db.prepare("insert into t values (1, 2) returning b").all()).toEqual([[2n]]);
    expect(db.prepare("update t set a = 3").run()).toBe(1);
    expect(db.prepare("select a from t where b = 9").get()).toBeUndefined();
    db.close();
  });

  test("rows are read one by one, and reading may stop early", () => {
    const { db } = create("create table t (a)", "insert into t values (1), (2), (3)");
    for (const [a] of db.prepare("select a from t order by a").iterate()) {
      expect(a).toBe(1n);
      break;
    }
    expect([...db.prepare("select a from t where a > ? order by a").iterate(1)]).toEqual([[2n], [3n]]);
    db.exec("drop table t"); // an unfinished statement would keep it
    db.close();
  });

  test("transactions, and what closing does with an open one", () => {
    const { db, path } = create("create table t (a)");
    expect([db.isOpen, db.inTransaction]).toEqual([true, false]);
    db.exec("begin; insert into t values (1)");
    expect(db.inTransaction).toBe(true);
    db.close();
    expect(db.isOpen).toBe(false);
    const again = driver.open(path, { mode: "read" });
    expect(firstValue(again, "select count(*) from t")).toBe(0n);
    again.close();
  });

  test("several statements are run, and refused where one is prepared", () => {
    const { db } = create();
    db.exec("create table t (a); insert into t values (1); pragma user_version = 5");
    expect(firstValue(db, "pragma user_version ;\n -- the version\n /* and\n no more */")).toBe(5n);
    expect(() => db.prepare("select 1; drop table t")).toThrow();
    expect(firstValue(db, "select count(*) from t")).toBe(1n);
    db.close();
  });

  test("errors have SQLite's primary code", async () => {
    const { db, path } = create("create table t (a unique)", "insert into t values (1)");
    expect(() => db.prepare("select nope from t")).toThrow(refusal("SQLITE_ERROR"));
    expect(() => db.prepare("insert into t values (1)").run()).toThrow(refusal("SQLITE_CONSTRAINT"));
    const missing = join(tempDirectory(), "missing.db");
    for (const mode of ["read", "write"] as const)
      expect(() => driver.open(missing, { mode })).toThrow(refusal("SQLITE_CANTOPEN"));
    expect(existsSync(missing)).toBe(false);
    const reader = driver.open(path, { mode: "read", busyTimeout: 1 });
    expect(() => reader.exec("delete from t")).toThrow(refusal("SQLITE_READONLY"));
    db.exec("begin exclusive");
    expect(() => reader.prepare("select a from t").all()).toThrow(refusal("SQLITE_BUSY"));
    await expect(reader.backup(join(tempDirectory(), "copy.db"))).rejects.toThrow(refusal("SQLITE_BUSY"));
    reader.close();
    db.close();
    expect(new SqliteError("SQLITE_BUSY", "x")).toBeInstanceOf(Error);
  });

  test("foreign keys are enforced, and a name in double quotes is never a text", () => {
    const { db } = create("create table t (a)");
    expect(firstValue(db, "pragma foreign_keys")).toBe(1n);
    expect(() => db.prepare('select "nope" from t')).toThrow(refusal("SQLITE_ERROR")); // not a text
    db.close();
  });

  test("a backup is whole while another process writes, and ends", { timeout: 60_000 }, async () => {
    // More pages than a step of the backup has, and not many bytes.
    const { db, path } = create("pragma page_size = 512", "create table t (a)");
    db.exec(
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 6000) insert into t select randomblob(400) from n",
    );
    db.close();
    const code = `console.log("ready"); setInterval(() => db.exec("insert into t values (1)"), 20);`;
    const writer = spawn(process.execPath, processWith(path, code));
    try {
      await new Promise((resolve, reject) => {
        writer.stdout.once("data", resolve);
        writer.once("exit", reject);
      });
      const source = driver.open(path, { mode: "read", busyTimeout: 30_000 });
      const copy = join(tempDirectory(), "copy.db");
      await source.backup(copy);
      source.close();
      const { stdout } = await execa("sqlite3", [copy, "pragma integrity_check; select count(*) >= 6000 from t"]);
      expect(stdout).toBe("ok\n1");
    } finally {
      writer.kill("SIGKILL");
    }
  });

  test("a backup holds all, and stops when it is told to", async () => {
    const { db } = create("create table t (a)", "insert into t values (zeroblob(20000000))");
    const copy = join(tempDirectory(), "copy.db");
    await db.backup(copy);
    const { stdout } = await execa("sqlite3", [copy, "pragma integrity_check; select sum(length(a)) from t"]);
    expect(stdout).toBe("ok\n20000000");
    const reason = new Error("stop");
    await expect(db.backup(join(tempDirectory(), "copy.db"), AbortSignal.abort(reason))).rejects.toBe(reason);
    db.close();
  });
});

test("npm ci leaves the add-on out, and compiles nothing, where Node's own SQLite serves", () => {
  const lock = JSON.parse(readFileSync(join(PROJECT, "package-lock.json"), "utf8"));
  const addOn = lock.packages["node_modules/better-sqlite3"];
  expect(addOn).toMatchObject({ optional: true, engines: { node: "20.x || 22.x" } });
});

test.each([
  ["18.20.8", 14],
  ["20.18.3", 14],
  ["20.19.0", 0],
])("a script under Node %s ends with %i, and with one line and a hint where that is too old", async (version, code) => {
  const fake = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(fake)}`, "dist/scripts/list.js", "--help"];
  const { exitCode, stderr } = await execa(process.execPath, args, { cwd: PROJECT, reject: false });
  expect(exitCode).toBe(code);
  if (code !== 0)
    expect(stderr).toBe(
      `error: Holdfast needs Node 20.19 or later, and this is ${version}\nhint: install a newer one: https://nodejs.org/en/download`,
    );
});

test("an add-on that is missing, or built for another Node, is one line and a command", async () => {
  const home = tempDirectory();
  cpSync(join(PROJECT, "dist/lib"), join(home, "lib"), { recursive: true });
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  const url = pathToFileURL(join(home, "lib/sqlite/open.js")).href;
  const code = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } });
    process.getBuiltinModule = () => undefined;
    const { openSqliteFile } = await import(${JSON.stringify(url)});
    try { openSqliteFile("/tmp/x", { mode: "read" }) } catch (e) { console.log(e.code + ": " + e.message + ": " + e.hint) }`;
  const run = async () => (await execa(process.execPath, ["--input-type=module", "-e", code])).stdout;
  expect(await run()).toMatch(/^E_VERSION: better-sqlite3, .* is not installed: .*npm install --include=optional$/);
  mkdirSync(join(home, "node_modules/better-sqlite3"), { recursive: true });
  const broken = 'throw new Error("The module was compiled against a different Node.js version");';
  writeFileSync(join(home, "node_modules/better-sqlite3/index.js"), broken);
  expect(await run()).toMatch(/^E_VERSION: better-sqlite3 was built for another Node .*npm rebuild better-sqlite3$/);
});
