import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import type { BuildRequest } from "../../../../lib/archive/build/request.ts";
import { ContentDigest } from "../../../../lib/archive/content-digest.ts";
import { toBuffer } from "../../../../lib/archive/path.ts";
import { fingerprintTree } from "../../../../lib/archive/build/fingerprint-tree.ts";
import { PIECE_SIZE } from "../../../../lib/archive/tree/read-stable.ts";
import { walk } from "../../../../lib/archive/tree/walk.ts";
import { plantAwkward } from "../../../support/sites/awkward.ts";
import { compareTrees } from "../../../support/compare.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { asNobody, build } from "../support.ts";
import { openDatabase } from "../../../support/sqlite.ts";
import { openSqliteFile } from "../../../../lib/sqlite/open.ts";

const list = (path: string): string[] =>
  execFileSync(path.endsWith(".zip") ? "unzip" : "tar", path.endsWith(".zip") ? ["-Z1", path] : ["tzf", path], {
    encoding: "utf8",
  })
    .split("\n")
    .slice(0, -1);

/** From the files themselves, as a restore would have to. */
function digestOf(tree: string): string {
  const digest = new ContentDigest();
  for (const entry of walk(tree)) {
    const content = entry.type === "file" ? readFileSync(toBuffer(`${tree}/${entry.path}`)) : null;
    digest.add(entry, content === null ? null : createHash("sha256").update(content).digest("hex"));
  }
  return digest.finish();
}

describe.each(["zip", "tgz"] as const)("%s", (format) => {
  const output = (): string => `${tempDirectory()}/archive.${format}`;

  test("a plan sees what a build sees", async () => {
    const tree = tempDirectory();
    plantAwkward(tree);
    mkdirSync(`${tree}/store/runs`, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 2100)); // else both are null: too recent
    for (const onlyFiles of [false, true]) {
      const { input } = await build({ format, output: output(), tree, exclude: [`${tree}/store`], onlyFiles });
      const { content_digest, extensions, deflate, ...rest } = input;
      expect({ extensions, deflate }).toMatchObject({ extensions: {}, deflate: {} });
      expect(rest.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(content_digest).toMatch(/^[0-9a-f]{64}$/);
      const plan = fingerprintTree({
        roots: [{ path: tree, prefix: "" }],
        exclude: [`${tree}/store`],
        recipe: "recipe",
        onlyFiles,
      });
      expect(plan).toMatchObject({ input: rest, failures: [] });
      expect(
        fingerprintTree({ roots: [{ path: tree, prefix: "" }], exclude: [], recipe: "recipe", onlyFiles }).input
          .fingerprint === rest.fingerprint,
      ).toBe(onlyFiles);
    }
  });

  test("an input changed within two seconds has no fingerprint", async () => {
    const tree = tempDirectory();
    writeFileSync(`${tree}/new`, "");
    expect((await build({ format, output: output(), tree })).input.fingerprint).toBeNull();
  });

  test("the content digest is that of the tree, and of what comes out where the format holds all of it", async () => {
    const tree = tempDirectory();
    plantAwkward(tree);
    const path = output();
    const { input } = await build({ format, output: path, tree });
    expect(input.content_digest).toBe(digestOf(tree));
    const into = tempDirectory();
    if (format === "tgz") execFileSync("tar", ["xpzf", path, "-C", into], { stdio: "pipe" });
    if (format === "tgz") expect(digestOf(into)).toBe(input.content_digest);
  });

  test("several roots, directories and files, under their prefixes", async () => {
    const base = tempDirectory();
    for (const name of ["one", "two"]) {
      mkdirSync(`${base}/${name}/sub`, { recursive: true });
      writeFileSync(`${base}/${name}/sub/file`, name);
    }
    writeFileSync(`${base}/alone.txt`, "alone");
    symlinkSync("alone.txt", `${base}/link.txt`);
    const path = output();
    const result = await build({
      format,
      output: path,
      tree: base,
      roots: [
        { path: `${base}/one`, prefix: "images" },
        { path: `${base}/two`, prefix: "deep/er" },
        { path: `${base}/alone.txt`, prefix: "" },
        { path: `${base}/link.txt`, prefix: "followed.txt" },
      ],
    });
    expect(list(path)).toEqual([
      "images/",
      "images/sub/",
      "images/sub/file",
      "deep/er/",
      "deep/er/sub/",
      "deep/er/sub/file",
      "alone.txt",
      "followed.txt",
    ]);
    expect(result.input).toMatchObject({ files: 4, directories: 4, symlinks: 0 });
  });

  test("archive names from two roots that collide are an error, not a lost file", async () => {
    const base = tempDirectory();
    for (const name of ["one", "two"]) {
      mkdirSync(`${base}/${name}`);
      writeFileSync(`${base}/${name}/file`, name);
    }
    const path = output();
    const roots = ["one", "two"].map((name) => ({ path: `${base}/${name}`, prefix: "" }));
    await expect(build({ format, output: path, tree: base, roots })).rejects.toMatchObject({ code: "E_INTERNAL" });
    expect(existsSync(path)).toBe(false);
  });

  test("an archive written inside the tree that it archives does not hold itself", async () => {
    const tree = tempDirectory();
    writeFileSync(`${tree}/file`, "x");
    const path = `${tree}/archive.${format}`;
    await build({ format, output: path, tree });
    expect(list(path).filter((name) => name !== "./")).toEqual(["file"]);
  });

  test("what is excluded stays out under another name too", async () => {
    const tree = tempDirectory();
    mkdirSync(`${tree}/store/runs`, { recursive: true });
    writeFileSync(`${tree}/kept`, "x");
    const other = tempDirectory();
    symlinkSync(tree, `${other}/site`);
    const path = output();
    await build({ format, output: path, tree: `${other}/site`, exclude: [`${tree}/store`] });
    expect(list(path).filter((name) => name !== "./")).toEqual(["kept"]);
  });

  test("a link that is excluded takes nothing with it of what it leads to", async () => {
    const tree = tempDirectory();
    mkdirSync(`${tree}/photos`);
    writeFileSync(`${tree}/photos/one`, "x");
    symlinkSync("photos", `${tree}/link`);
    const path = output();
    await build({ format, output: path, tree, exclude: [`${tree}/link`] });
    expect(list(path).filter((name) => name !== "./")).toEqual(["photos/", "photos/one"]);
  });

  test("a root inside of another one is taken for itself, though the other leaves it out", async () => {
    const tree = tempDirectory();
    mkdirSync(`${tree}/inner`);
    writeFileSync(`${tree}/inner/one`, "x");
    const path = output();
    const roots = [
      { path: tree, prefix: "outer" },
      { path: `${tree}/inner`, prefix: "outer/inner" },
    ];
    await build({ format, output: path, tree, roots, exclude: [`${tree}/inner`] });
    expect(list(path)).toEqual(["outer/", "outer/inner/", "outer/inner/one"]);
  });

  test("unreadable files and directories are failures, all of them, and leave no archive", async () => {
    const tree = tempDirectory();
    const out = tempDirectory();
    mkdirSync(`${tree}/closed directory`);
    for (const name of ["a closed", "b open", "c closed"])
      writeFileSync(`${tree}/${name}`, "x".repeat(name.startsWith("c") ? PIECE_SIZE + 1 : 1));
    for (const name of ["closed directory", "a closed", "c closed"]) chmodSync(`${tree}/${name}`, 0);
    const path = `${out}/archive.${format}`;
    chmodSync(tree, 0o755);
    await asNobody(out, async () => {
      const result = await build({ format, output: path, tree });
      expect(result.failures.map((failure) => [failure.code, failure.path])).toEqual([
        ["E_UNREADABLE", `${tree}/a closed`],
        ["E_UNREADABLE", `${tree}/c closed`],
        ["E_UNREADABLE", `${tree}/closed directory`],
      ]);
      const plan = fingerprintTree({ roots: [{ path: tree, prefix: "" }], exclude: [], recipe: "recipe" });
      expect(plan.failures.map((failure) => failure.path)).toEqual([`${tree}/closed directory`]);
    });
    expect(readdirSync(out)).toEqual([]);
  });

  test("a root that is missing is a failure, not an empty archive", async () => {
    const path = output();
    const result = await build({ format, output: path, tree: "/nowhere/at/all" });
    expect(result.failures).toMatchObject([{ code: "E_MISSING", path: "/nowhere/at/all" }]);
    expect(existsSync(path)).toBe(false);
    expect(
      fingerprintTree({ roots: [{ path: "/nowhere/at/all", prefix: "" }], exclude: [], recipe: "" }).failures,
    ).toMatchObject([{ code: "E_MISSING" }]);
  });

  test("what vanishes while the tree is read is a warning that names it", async () => {
    const tree = tempDirectory();
    for (const name of ["1", "2", "3"]) writeFileSync(`${tree}/${name}`, "x");
    const path = output();
    const onBytes = (): void => rmSync(`${tree}/2`, { force: true });
    const result = await build({ format, output: path, tree, onBytes });
    expect(result.warnings).toEqual([`vanished while reading: ${tree}/2`]);
    expect(list(path).filter((name) => name !== "./")).toEqual(["1", "3"]);
  });

  test("a file that would not hold still is a warning that names it", async () => {
    const tree = tempDirectory();
    writeFileSync(`${tree}/log`, "x");
    const result = await build({ format, output: output(), tree, onBytes: () => appendFileSync(`${tree}/log`, "y") });
    expect(result.warnings).toEqual(["changed while it was read: log"]);
    expect(result.failures).toEqual([]);
  });

  test("FIFOs and sockets are dropped and named", async () => {
    const tree = tempDirectory();
    execFileSync("mkfifo", [`${tree}/fifo`]);
    const server = createServer().listen(`${tree}/socket`);
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const { warnings } = await build({ format, output: output(), tree });
      expect(warnings).toEqual(["dropped, a FIFO: fifo", "dropped, a socket: socket"]);
    } finally {
      server.close();
    }
  });

  test("hard links: names of one file in a tgz, copies that are listed in a zip", async () => {
    const tree = tempDirectory();
    writeFileSync(`${tree}/a`, "content");
    for (const name of ["b", "c"]) linkSync(`${tree}/a`, `${tree}/${name}`);
    writeFileSync(`${tree}/other`, "x");
    linkSync(`${tree}/other`, `${tempDirectory()}/elsewhere`);
    const path = output();
    const result = await build({ format, output: path, tree });
    const into = tempDirectory();
    execFileSync(
      format === "zip" ? "unzip" : "tar",
      format === "zip" ? [path, "-d", into] : ["xpzf", path, "-C", into],
    );
    expect(compareTrees(tree, into, { without: format === "zip" ? ["links"] : [] })).toEqual([]);
    expect(result.warnings).toEqual(format === "zip" ? ["hard links, stored as copies: a = b = c"] : []);
    expect(result.input).toMatchObject({ files: 4, bytes: 22 });
  });

  test("cancelled in the middle of a large file: E_INTERRUPTED, and nothing is left", async () => {
    const tree = tempDirectory();
    writeFileSync(`${tree}/large`, Buffer.alloc(5 * PIECE_SIZE));
    const path = output();
    let read = 0;
    const request: Partial<BuildRequest> = { cancelled: () => read > PIECE_SIZE, onBytes: (bytes) => (read += bytes) };
    await expect(build({ format, output: path, tree, ...request })).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    expect(read).toBe(2 * PIECE_SIZE);
    expect(existsSync(path)).toBe(false);
  });

  test("a full disk is E_NO_SPACE, not a damaged archive", async () => {
    const small = tempDirectory();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    try {
      const tree = tempDirectory();
      writeFileSync(`${tree}/noise`, execFileSync("head", ["-c", "3000000", "/dev/urandom"], { maxBuffer: 1 << 28 }));
      const path = `${small}/archive.${format}`;
      await expect(build({ format, output: path, tree })).rejects.toMatchObject({ code: "E_NO_SPACE" });
      expect(existsSync(path)).toBe(false);
    } finally {
      execFileSync("umount", [small]);
    }
  });

  describe("SQLite", () => {
    const captureInto = (directory: string) => {
      const copies: string[] = [];
      const captureSqlite = async (file: string): Promise<string> => {
        const copy = `${directory}/copy-${copies.length}.db`;
        copies.push(copy);
        const database = openSqliteFile(toBuffer(file).toString(), { mode: "read" });
        await database.backup(copy);
        database.close();
        return copy;
      };
      return { copies, captureSqlite };
    };

    test("a live database is captured whole, and its WAL is left out", async () => {
      const tree = tempDirectory();
      const scratch = tempDirectory();
      const database = openDatabase(`${tree}/live.db`);
      database.exec("pragma journal_mode = wal");
      database.exec("create table t (x); insert into t values (1), (2), (3)");
      writeFileSync(`${tree}/live.db-other`, "kept");
      const { copies, captureSqlite } = captureInto(scratch);
      const path = output();
      const result = await build({ format, output: path, tree, captureSqlite });
      database.close();
      expect(result.captured).toEqual(["live.db"]);
      expect(result.warnings).toEqual([]);
      expect(list(path).filter((name) => name !== "./")).toEqual(["live.db", "live.db-other"]);
      expect(copies).toHaveLength(1);
      expect(readdirSync(scratch)).toEqual([]);
      const into = tempDirectory();
      execFileSync(
        format === "zip" ? "unzip" : "tar",
        format === "zip" ? [path, "-d", into] : ["xpzf", path, "-C", into],
      );
      const restored = openDatabase(`${into}/live.db`);
      expect(restored.prepare("select count(*) from t").get()).toEqual([3n]);
      restored.close();
    });

    test("the WAL counts for the fingerprint, the shared memory that readers touch does not", async () => {
      const tree = tempDirectory();
      const old = 1_600_000_000;
      copyFileSync("/dev/null", `${tree}/not-sqlite-shm`);
      writeFileSync(`${tree}/not-sqlite`, "x");
      const database = openDatabase(`${tree}/live.db`);
      database.exec("pragma journal_mode = wal");
      database.exec("create table t (x)");
      await new Promise((resolve) => setTimeout(resolve, 2100));
      const plan = () => fingerprintTree({ roots: [{ path: tree, prefix: "" }], exclude: [], recipe: "recipe" }).input;
      const before = plan();
      expect(before).toMatchObject({ files: 4 });
      expect(before.fingerprint).not.toBeNull();
      utimesSync(`${tree}/live.db-shm`, old, old);
      expect(plan().fingerprint).toBe(before.fingerprint);
      utimesSync(`${tree}/not-sqlite-shm`, old, old);
      expect(plan().fingerprint).not.toBe(before.fingerprint);
      await new Promise((resolve) => setTimeout(resolve, 2100));
      const settled = plan().fingerprint;
      expect(settled).not.toBeNull();
      database.exec("insert into t values (1)");
      expect(plan().fingerprint).not.toBe(settled);
      database.close();
    });

    test("a quiet database stays byte for byte, however it is called", async () => {
      const tree = tempDirectory();
      const database = openDatabase(`${tree}/quiet`);
      database.exec("create table t (x); insert into t values (1)");
      database.close();
      writeFileSync(`${tree}/quiet-wal`, "");
      const { copies, captureSqlite } = captureInto(tempDirectory());
      const path = output();
      const result = await build({ format, output: path, tree, captureSqlite });
      expect(copies).toEqual([]);
      expect(result.captured).toEqual([]);
      const into = tempDirectory();
      execFileSync(
        format === "zip" ? "unzip" : "tar",
        format === "zip" ? [path, "-d", into] : ["xpzf", path, "-C", into],
      );
      expect(compareTrees(tree, into)).toEqual([]);
    });

    test("a database that will not hold still is captured", async () => {
      const tree = tempDirectory();
      const database = openDatabase(`${tree}/busy.db`);
      database.exec("create table t (x)");
      const { captureSqlite } = captureInto(tempDirectory());
      let writes = 0;
      const onBytes = (): void => {
        if (writes++ < 3) database.exec("insert into t values (1)");
      };
      const result = await build({ format, output: output(), tree, captureSqlite, onBytes });
      database.close();
      expect(result).toMatchObject({ captured: ["busy.db"], warnings: [], failures: [] });
    });

    test("one that can't be captured is a failure, and leaves no archive", async () => {
      const tree = tempDirectory();
      writeFileSync(`${tree}/broken.db`, `SQLite format 3\0${"garbage".repeat(100)}`);
      writeFileSync(`${tree}/broken.db-journal`, "garbage");
      const { captureSqlite } = captureInto(tempDirectory());
      const path = output();
      const result = await build({ format, output: path, tree, captureSqlite });
      expect(result.failures).toMatchObject([{ code: "E_SQLITE", path: `${tree}/broken.db` }]);
      expect(existsSync(path)).toBe(false);
    });
  });
});
