/** Putting a SQLite file in the place of another: while somebody uses it, when it is damaged, and when the process is killed half-way. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { openRestorer } from "../../lib/database/engines/open.ts";
import type { DatabaseRestorer } from "../../lib/database/restorer.ts";
import { openSqliteFile } from "../../lib/sqlite/open.ts";
import { firstValue } from "../../lib/sqlite/query.ts";
import { openDatabase, processWith } from "../support/sqlite.ts";
import { removeTree, tempDirectory } from "../support/temp.ts";

const options = { onBytes: () => {}, restoreFlags: [] };
const signal = (): AbortSignal => new AbortController().signal;

interface Site {
  readonly root: string;
  readonly live: string;
  readonly dump: string;
  readonly restorer: DatabaseRestorer;
}

function write(path: string, word: string, mode: "wal" | "delete" = "wal"): void {
  const db = openDatabase(path);
  db.exec(`pragma journal_mode = ${mode}`);
  db.exec("create table t (word text)");
  db.prepare("insert into t values (?)").run(word);
  db.close();
}

function wordOf(path: string): unknown {
  const db = openSqliteFile(path, { mode: "write" });
  try {
    return firstValue(db, "select group_concat(word) from t");
  } finally {
    db.close();
  }
}

async function makeSite(mode: "wal" | "delete" = "wal"): Promise<Site> {
  const root = tempDirectory();
  const [live, dump] = [join(root, "site.db"), join(tempDirectory(), "dump.db")];
  write(live, "old", mode);
  write(dump, "new", mode);
  return {
    root,
    live,
    dump,
    restorer: await openRestorer({ url: "sqlite:///site.db", execPrefix: [], root }, signal()),
  };
}

/** Another process that has the file open, in a transaction or not, until it is killed. */
async function holder(path: string, statements: string) {
  const script = `${statements}; console.log("ready"); setInterval(() => {}, 1000);`;
  const child = execa(process.execPath, processWith(path, script), { reject: false, buffer: false });
  await new Promise((done) => child.stdout.once("data", done));
  return { pid: child.pid, kill: async () => (child.kill("SIGKILL"), await child) };
}

describe("a live file", () => {
  test.each([
    ["open in WAL mode", "wal", "db.prepare('select * from t').all()"],
    ["being written", "delete", "db.exec(\"begin immediate; insert into t values ('x')\")"],
    ["being read", "delete", "db.exec('begin'); db.prepare('select * from t').get()"],
  ] as const)("that is %s elsewhere is left alone, and who has it is told", async (_name, mode, statements) => {
    const { live, dump, restorer } = await makeSite(mode);
    await restorer.load(dump, "scratch", options);
    const other = await holder(live, statements);
    try {
      await expect(restorer.exchange("scratch", "aside")).rejects.toMatchObject({
        code: "E_TARGET",
        message: expect.stringContaining(`(process ${other.pid})`),
      });
    } finally {
      await other.kill();
    }
    expect(wordOf(live)).toBe("old");
    await restorer.exchange("scratch", "aside");
    expect(wordOf(live)).toBe("new");
  });

  test("is exchanged in the directory where it was, though that is swapped for a link meanwhile", async () => {
    const { root, live, dump, restorer } = await makeSite("delete");
    const [moved, other] = [`${root}.moved`, `${root}.other`];
    onTestFinished(() => [moved, other].forEach(removeTree));
    mkdirSync(other);
    const victim = openDatabase(join(other, "site.db"));
    victim.exec("create table t (word text); insert into t values ('victim')");
    victim.close();
    await restorer.load(dump, "scratch", options);
    const swap = `const fs = await import("node:fs"); db.exec("begin"); db.prepare("select * from t").get(); setTimeout(() => {
      fs.renameSync(${JSON.stringify(root)}, ${JSON.stringify(moved)}); fs.symlinkSync(${JSON.stringify(other)}, ${JSON.stringify(root)}); process.exit(); }, 700)`;
    const child = await holder(live, swap);
    await restorer.exchange("scratch", "aside");
    await child.kill();
    expect(readdirSync(other)).toEqual(["site.db"]);
    expect([wordOf(join(other, "site.db")), wordOf(join(moved, "site.db"))]).toEqual(["victim", "new"]);
    unlinkSync(root);
    renameSync(moved, root);
  });

  test("with rows in its WAL is whole by itself when it is moved aside, and comes back", async () => {
    const { root, live, dump, restorer } = await makeSite();
    const other = await holder(live, "db.exec(\"insert into t values ('in the wal')\")");
    await other.kill();
    expect(statSync(`${live}-wal`).size).toBeGreaterThan(0);
    await restorer.load(dump, "scratch", options);
    await restorer.exchange("scratch", "aside");
    expect(readdirSync(root).toSorted()).toEqual(["aside", "site.db"]);
    expect(wordOf(live)).toBe("new");
    await restorer.exchangeBack("scratch", "aside");
    expect(wordOf(live)).toBe("old,in the wal");
    expect(wordOf(join(root, "scratch"))).toBe("new");
  });

  test.each(["no database", "torn", "of no bytes"])("that is %s can be replaced, and is kept as it is", async (how) => {
    const { root, live, dump, restorer } = await makeSite();
    if (how === "torn") {
      const bytes = readFileSync(live);
      writeFileSync(live, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(3000, 7)]));
      writeFileSync(`${live}-wal`, "rubbish");
    } else writeFileSync(live, how === "no database" ? "something else\n".repeat(100) : "");
    const before = readFileSync(live);
    expect(await restorer.present()).toMatchObject({ tables: 0, size_bytes: before.length });
    await restorer.load(dump, "scratch", options);
    await restorer.exchange("scratch", "aside");
    expect(wordOf(live)).toBe("new");
    expect(readFileSync(join(root, "aside")).equals(before)).toBe(true);
    expect(existsSync(`${live}-wal`)).toBe(false);
    await restorer.exchangeBack("scratch", "aside");
    expect(readFileSync(live).equals(before)).toBe(true);
  });

  test("keeps its mode and owner; behind a link the file itself is replaced", async () => {
    const { root, live, dump } = await makeSite();
    mkdirSync(join(root, "data"));
    renameSync(live, join(root, "data/real.db"));
    symlinkSync("data/real.db", live);
    chmodSync(join(root, "data/real.db"), 0o664);
    await execa("chown", ["33:33", join(root, "data/real.db")]);
    const restorer = await openRestorer({ url: "sqlite:///site.db", execPrefix: [], root }, signal());
    expect(restorer.live).toBe(join(root, "data/real.db"));
    await restorer.load(dump, "scratch", options);
    await restorer.exchange("scratch", "aside");
    expect(lstatSync(live).isSymbolicLink()).toBe(true);
    expect(wordOf(live)).toBe("new");
    const { mode, uid, gid } = statSync(live);
    expect([mode & 0o7777, uid, gid]).toEqual([0o664, 33, 33]);
  });

  test("is never dropped nor loaded over", async () => {
    const { live, dump, restorer } = await makeSite();
    await expect(restorer.drop(live)).rejects.toMatchObject({ code: "E_INTERNAL" });
    await expect(restorer.load(dump, "./site.db", options)).rejects.toMatchObject({ code: "E_INTERNAL" });
    expect(wordOf(live)).toBe("old");
  });
});

describe("killed between two renames", () => {
  /** Runs one method in a process that kills itself before its n-th rename. */
  async function killedAt(n: number, root: string, method: "exchange" | "exchangeBack"): Promise<void> {
    const script = `import fs from "node:fs"; import { syncBuiltinESMExports } from "node:module";
      const rename = fs.renameSync; let left = ${n};
      fs.renameSync = (...args) => { if (left-- === 0) process.kill(process.pid, "SIGKILL"); rename(...args); };
      syncBuiltinESMExports();
      const { openRestorer } = await import("./lib/database/engines/open.ts");
      const restorer = await openRestorer({ url: "sqlite:///site.db", execPrefix: [], root: process.argv[1] }, new AbortController().signal);
      await restorer.${method}("scratch", "aside");`;
    const argv = ["--import", "tsx", "--input-type=module", "-e", script, root];
    expect((await execa("node", argv, { cwd: resolve("."), reject: false })).signal).toBe("SIGKILL");
  }

  test.each([0, 1, 2])("an exchange goes on where it was (rename %i), also back", async (n) => {
    const { root, live, dump, restorer } = await makeSite();
    // A damaged file is not checkpointed: its WAL has to move as well.
    writeFileSync(live, "damaged");
    writeFileSync(`${live}-wal`, "wal of the old one");
    await restorer.load(dump, "scratch", options);
    await killedAt(n, root, "exchange");
    await restorer.exchange("scratch", "aside");
    expect(wordOf(live)).toBe("new");
    expect(readFileSync(join(root, "aside"), "latin1")).toBe("damaged");
    expect(readFileSync(join(root, "aside-wal"), "latin1")).toBe("wal of the old one");
    await killedAt(n, root, "exchangeBack");
    await restorer.exchangeBack("scratch", "aside");
    expect(readFileSync(live, "latin1")).toBe("damaged");
    expect(readFileSync(`${live}-wal`, "latin1")).toBe("wal of the old one");
    expect(wordOf(join(root, "scratch"))).toBe("new");
    await restorer.exchangeBack("scratch", "aside");
    await restorer.drop("scratch");
    await restorer.exchangeBack("scratch", "aside");
    expect(readFileSync(live, "latin1")).toBe("damaged");
  });

  test("an empty file that a straggler made in between is not taken for the live one", async () => {
    const { root, live, dump, restorer } = await makeSite();
    await restorer.load(dump, "scratch", options);
    await killedAt(1, root, "exchange");
    writeFileSync(live, "");
    await restorer.exchange("scratch", "aside");
    expect([wordOf(live), wordOf(join(root, "aside"))]).toEqual(["new", "old"]);
  });
});

test("a dump whose foreign keys are broken is loaded, with a warning; flags of pg_restore are refused", async () => {
  const { dump, restorer } = await makeSite();
  const db = openDatabase(dump);
  db.exec("pragma foreign_keys = off");
  db.exec("create table a (id integer primary key); create table b (a_id references a (id)); insert into b values (5)");
  db.close();
  const before = readdirSync(join(dump, ".."));
  expect(await restorer.check(dump, { restoreFlags: [] })).toEqual([expect.stringContaining("1 row refers to rows")]);
  expect(readdirSync(join(dump, ".."))).toEqual(before);
  await restorer.load(dump, "scratch", options);
  expect(Object.keys((await restorer.facts("scratch")).tables)).toEqual(["a", "b", "t"]);
  await expect(restorer.check(dump, { restoreFlags: ["--no-acl"] })).rejects.toMatchObject({ code: "E_USAGE" });
});
