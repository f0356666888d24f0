/** The migration package by the front door: made, opened by standard tools, restored elsewhere, damaged and killed. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import {
  HASH,
  makeDatabase,
  makePackageSite,
  POSTGRES_ID,
  repack,
  siteSchema,
  siteUsers,
  SQLITE_ID,
  TOKEN,
} from "../../support/sites/package.ts";
import { rowsOf } from "../../support/portable/engines.ts";
import { acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

let directory: string;
let config: string;
let site: string;
let postgres: TestServer;
let count = 0;
const packages = new Map<string, string>();

beforeAll(async () => {
  directory = makeTemp("holdfast-package-test-");
  config = makePackageSite(directory);
  site = join(directory, "site");
  postgres = await acquirePostgres();
  for (const [name, flags] of [
    ["plain", []],
    ["users", ["--include-users"]],
    ["passwords", ["--include-users", "--include-passwords"]],
    ["dump", ["--from-dump", "--include-users", "--include-passwords"]],
  ] as const) {
    const file = join(directory, `${name}.tgz`);
    const made = await runInProcess("portable", ["package", "--config", config, "-o", file, ...flags]);
    if (made.code !== 0) throw new Error(made.stderr);
    packages.set(name, file);
  }
}, 120_000);
afterAll(async () => {
  await postgres.release();
  removeTree(directory);
});

const packageOf = (name: string): string => packages.get(name) ?? "";
const fresh = (): string => join(directory, `target-${++count}`);
/** A database with the application's tables; with users, they have other numbers and passwords than on the site. */
const emptyDatabase = (users: boolean): string =>
  makeDatabase(
    join(directory, `new-${++count}.db`),
    siteSchema(SQLITE_ID),
    ...(users ? [siteUsers(70, "own-password")] : []),
  );
const restore = async (name: string, ...args: string[]) =>
  await runInProcess("restore", ["--package", packages.get(name) ?? name, ...args]);
const dataOf = (name: string): string => {
  const out = fresh();
  mkdirSync(out);
  execFileSync("tar", ["xzf", packageOf(name), "-C", out]);
  return execFileSync(
    "sh",
    [
      "-c",
      `find ${out}/data -name '*.gz' -exec gzip -dc {} +; find ${out}/*.json ${out}/*.md ${out}/config -type f -exec cat {} +`,
    ],
    {
      encoding: "utf8",
    },
  );
};
const NOTES =
  "select n.slug, u.username, n.body from app_note n join auth_user u on u.id = n.author_id order by n.slug";
const WANTED = ["first|ann|one", "second|bob|two 🎧"];

describe("the file", () => {
  test("tar opens it, sha256sum agrees with the manifest, and RESTORE.md and checks.json say what is in it", () => {
    const out = fresh();
    mkdirSync(out);
    execFileSync("tar", ["xzf", packageOf("plain"), "-C", out]);
    expect(readdirSync(out).toSorted()).toEqual(
      ["RESTORE.md", "checks.json", "config", "data", "package.manifest.json", "storage"].toSorted(),
    );
    execFileSync(
      "sh",
      [
        "-c",
        'jq -r \'.files[] | select(.path | type == "string") | select(.path | test("\\n") | not) | "\\(.sha256)  \\(.path)"\' package.manifest.json | sha256sum --quiet -c',
      ],
      { cwd: out },
    );
    const checks = JSON.parse(readFileSync(join(out, "checks.json"), "utf8")) as {
      tables: { table: string; rows: number }[];
      trees: { name: string; files: number; symlinks: number }[];
    };
    expect(Object.fromEntries(checks.tables.map(({ table, rows }) => [table, rows]))).toEqual({
      app_note: 2,
      auth_group: 1,
    });
    expect(checks.trees).toMatchObject([{ name: "media", files: 5, symlinks: 1, directories: 1 }]);
    expect(readFileSync(join(out, "RESTORE.md"), "utf8")).toMatch(
      /restore\.ts --package[^]*app_note.*2[^]*outside: a link that points outside its tree/,
    );
    expect(readFileSync(packageOf("plain")).includes(Buffer.from(site))).toBe(false);
  });

  test("it holds no users, no password, no token and no secret, and nothing of the host's paths, unless asked", () => {
    const plain = dataOf("plain");
    for (const secret of [HASH, TOKEN, "hunter2", "ann@example.org", site]) expect(plain).not.toContain(secret);
    const users = dataOf("users");
    expect(users).toContain("ann@example.org");
    for (const secret of [HASH, TOKEN]) expect(users).not.toContain(secret);
    expect(dataOf("passwords")).toContain(HASH);
  });

  test("flags that contradict each other, a dump without its users, a file that is there: errors, and nothing is made", async () => {
    const out = fresh();
    const make = async (...flags: string[]) =>
      (await runInProcess("portable", ["package", "--config", config, ...flags])).code;
    expect(await make("-o", out, "--include-passwords")).toBe(2);
    expect(await make("-o", out, "--include-users", "--skip-users")).toBe(2);
    expect(await make("-o", out, "--from-dump")).toBe(2);
    expect(
      await make("-o", out, "--from-dump", "--include-users", "--include-passwords", "--exclude", "app_note"),
    ).toBe(2);
    expect(await make("-o", out, "--mode", "create-only")).toBe(2);
    expect(await make("-o", packageOf("plain"))).toBe(1);
    expect(await make("-o", out, "--storage", join(directory, "nowhere"))).not.toBe(0);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("onto another host", () => {
  test("trees with links, modes and times, rows that find the users of the same names; and once more: nothing changes", async () => {
    const [to, url] = [fresh(), emptyDatabase(true)];
    const first = await restore("plain", "--to", to, "--database", url);
    expect(first.stderr).not.toMatch(/error/);
    expect(first.code).toBe(0);
    execFileSync("sh", ["-c", 'diff -r --no-dereference -x outside "$1/media" "$2/media"', "sh", site, to]);
    expect(statSync(join(to, "media", "run.sh")).mode & 0o777).toBe(0o750);
    expect(statSync(join(to, "media", "plain.txt")).mtimeMs).toBe(1_000_000_000_000);
    expect(statSync(join(to, "media", "plain.txt")).ino).toBe(statSync(join(to, "media", "second name.txt")).ino);
    expect(await rowsOf(url, NOTES)).toEqual(WANTED);
    expect(await rowsOf(url, "select author_id from app_note order by slug")).toEqual(["70", "71"]);
    expect(existsSync(join(to, ".holdfast", "config", ".env.sample"))).toBe(true);
    const inode = lstatSync(join(to, "media")).ino;
    const again = await restore("plain", "--to", to, "--database", url);
    expect(again.stdout).toMatch(/media: unchanged[^]*0 created, 0 updated, 3 unchanged/);
    expect(lstatSync(join(to, "media")).ino).toBe(inode);
    expect(readdirSync(to).toSorted()).toEqual([".holdfast", "media"]);
  });

  test("into PostgreSQL, with users: they have to set new passwords, and those that are there keep theirs", async () => {
    const name = await postgres.createDatabase();
    await postgres.sql(
      `set role clara; set search_path = public; ${siteSchema(POSTGRES_ID)}; insert into auth_user values (9, 'bob', 'his-own', 'old@example.org')`,
      name,
    );
    const url = postgres.urlOf(name).replace("clara@", `clara:${postgres.password}@`);
    const [to, args] = [fresh(), ["--database", url]];
    expect((await restore("users", "--to", to, ...args)).stderr).not.toMatch(/error/);
    expect(await rowsOf(url, NOTES)).toEqual(WANTED);
    const users = await rowsOf(url, "select username, password, email from auth_user order by username");
    expect(users[0]).toMatch(/^ann\|![\w-]{40}\|ann@example\.org$/);
    expect(users[1]).toBe("bob|his-own|bob@example.org");
    expect(await rowsOf(url, "select count(*) from auth_user_groups")).toEqual(["1"]);
    expect((await restore("passwords", "--to", to, ...args)).code).toBe(0);
    expect(await rowsOf(url, "select count(*) from auth_user where password like 'pbkdf2%'")).toEqual(["2"]);
    expect(await rowsOf(url, "select user_id from authtoken_token")).toHaveLength(1);
  });

  test("users that are not there are named, and nothing is changed", async () => {
    const [to, url] = [fresh(), emptyDatabase(false)];
    const failed = await restore("plain", "--to", to, "--database", url);
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/missing rows of \S*auth_user by \w+: .*ann.*bob/);
    expect(await rowsOf(url, "select count(*) from auth_group")).toEqual(["0"]);
    expect(existsSync(to)).toBe(false);
  });

  test("in place, by another config: what was there is kept aside; it wants a yes; a dry run changes nothing", async () => {
    const home = fresh();
    mkdirSync(join(home, "other", "media"), { recursive: true });
    writeFileSync(join(home, "other", "media", "old.txt"), "old");
    const url = makeDatabase(join(home, "other", "db.sqlite3"), siteSchema(SQLITE_ID), siteUsers(1, "own"));
    const own = join(home, "site.yaml");
    writeFileSync(own, readFileSync(config, "utf8").replace("root: site", "root: other"));
    const args = ["--in-place", "--config", own, "--dest", join(home, "store")];
    expect((await restore("plain", ...args)).stderr).toMatch(/needs confirmation/);
    const dry = await restore("plain", ...args, "--dry-run");
    expect(dry.stdout).toMatch(/3 created[^]*nothing was changed/);
    expect(await rowsOf(url, "select count(*) from app_note")).toEqual(["0"]);
    expect(readdirSync(join(home, "other")).toSorted()).toEqual(["db.sqlite3", "media"]);
    const done = await restore("plain", ...args, "--yes", "--json");
    expect(done.code).toBe(0);
    expect(await rowsOf(url, NOTES)).toEqual(WANTED);
    const { trees } = done.json.at(-1) as { trees: { kept: string }[] };
    expect(readFileSync(join(trees[0]?.kept ?? "", "old.txt"), "utf8")).toBe("old");
    expect(existsSync(join(home, "other", "media", "old.txt"))).toBe(false);
  });

  test("--map gives a tree its place; one that is not known, or two in one place, are refused", async () => {
    const [to, other] = [fresh(), fresh()];
    expect((await restore("plain", "--to", to, "--map", `media=${other}`)).code).toBe(0);
    expect(existsSync(join(other, "plain.txt"))).toBe(true);
    expect(existsSync(join(to, ".holdfast", "data", "manifest.json"))).toBe(true);
    expect((await restore("plain", "--to", to, "--map", `films=${other}`)).stderr).toMatch(/no tree films/);
  });

  test("a dump goes into the same engine, in the place of what was there, which is kept", async () => {
    const url = emptyDatabase(true);
    const to = fresh();
    const done = await restore("dump", "--to", to, "--database", url);
    expect(done.stderr).not.toMatch(/error/);
    expect(await rowsOf(url, NOTES)).toEqual(WANTED);
    expect(await rowsOf(url, "select password from auth_user")).toEqual([HASH, HASH]);
    expect(done.stdout).toMatch(/kept as \S+_before_\d{8}_\d{6}/);
    const refused = await restore(
      "dump",
      "--to",
      to,
      "--database",
      postgres.urlOf(await postgres.createDatabase()).replace("clara@", `clara:${postgres.password}@`),
    );
    expect(refused.stderr).toMatch(/dump of sqlite, but the database is postgresql/);
  });
});

describe("what is not as it was made", () => {
  const hostile = (file: string, script: string): string => {
    const out = join(directory, `hostile-${++count}.tgz`);
    execFileSync(PYTHON, [
      "-c",
      `import tarfile, io, sys\nsource = tarfile.open(sys.argv[1])\nout = tarfile.open(sys.argv[2], 'w:gz')\nfor one in source:\n    out.addfile(one, source.extractfile(one) if one.isreg() else None)\n${script}\nout.close()`,
      file,
      out,
    ]);
    return out;
  };
  const add = (name: string, more: string): string =>
    `one = tarfile.TarInfo(${JSON.stringify(name)})\n${more}\nout.addfile(one, io.BytesIO(b'x' * one.size))`;
  /** Sees that a package is refused and nothing is written; gives what is said. */
  const refusal = async (file: string): Promise<string> => {
    const [to, url] = [fresh(), emptyDatabase(true)];
    const { code, stderr } = await restore(file, "--to", to, "--database", url);
    expect(code).toBe(13);
    expect(existsSync(to)).toBe(false);
    expect(await rowsOf(url, "select count(*) from app_note")).toEqual(["0"]);
    return stderr;
  };

  test("a byte that was changed, and an end that is missing", async () => {
    const bytes = readFileSync(packageOf("plain"));
    const flipped = join(directory, "flipped.tgz");
    // The time and the system in the header of a gzip member are not content, so gzip accepts them with any value.
    let at = Math.floor(bytes.length / 2);
    do {
      writeFileSync(flipped, bytes.with(++at, (bytes[at] ?? 0) ^ 0x40));
    } while (spawnSync("gzip", ["-t", flipped]).status === 0);
    expect(await refusal(flipped)).toMatch(/flipped\.tgz: /);
    const cut = join(directory, "cut.tgz");
    writeFileSync(cut, readFileSync(packageOf("plain")).subarray(0, -200));
    expect(await refusal(cut)).toMatch(/cut\.tgz: /);
  });

  test("a file that was exchanged, taken out or put in", async () => {
    const changed = (name: string, work: (at: string) => void): string =>
      repack(packageOf("plain"), join(directory, `${name}.tgz`), work);
    expect(
      await refusal(changed("exchanged", (at) => writeFileSync(join(at, "storage/media/plain.txt"), "PLAIN"))),
    ).toMatch(/storage\/media\/plain\.txt differs from the manifest/);
    expect(await refusal(changed("missing", (at) => rmSync(join(at, "storage/media/run.sh"))))).toMatch(
      /storage\/media\/run\.sh is missing/,
    );
    expect(await refusal(changed("more", (at) => writeFileSync(join(at, "storage/media/more.txt"), "more")))).toMatch(
      /the manifest does not list storage\/media\/more\.txt/,
    );
    expect(await refusal(changed("none", (at) => rmSync(join(at, "package.manifest.json"))))).toMatch(
      /it has no package\.manifest\.json/,
    );
  });

  test("names and links that lead out", async () => {
    const file = packageOf("plain");
    expect(await refusal(hostile(file, add("storage/media/../../../escaped", "one.size = 1")))).toMatch(
      /points outside the package/,
    );
    expect(await refusal(hostile(file, add("/tmp/escaped", "one.size = 1")))).toMatch(/points outside the package/);
    expect(
      await refusal(
        hostile(file, add("storage/media/bad", "one.type = tarfile.SYMTYPE; one.linkname = '../../../../etc'")),
      ),
    ).toMatch(/points outside its tree/);
    expect(
      await refusal(hostile(file, add("storage/media/bad", "one.type = tarfile.SYMTYPE; one.linkname = '/etc'"))),
    ).toMatch(/points outside its tree/);
    expect(
      await refusal(
        hostile(file, add("storage/media/bad", "one.type = tarfile.LNKTYPE; one.linkname = 'data/manifest.json'")),
      ),
    ).toMatch(/not a file of its tree/);
    expect(await refusal(hostile(file, add("storage/media/pipe", "one.type = tarfile.FIFOTYPE")))).toMatch(/is a fifo/);
  });

  test("checks that do not hold: the one is named, and nothing is changed", async () => {
    const wrong = (name: string, from: RegExp, to: string): string =>
      repack(packageOf("plain"), join(directory, `${name}.tgz`), (at) => {
        const checks = readFileSync(join(at, "checks.json"), "utf8").replace(from, to);
        writeFileSync(join(at, "checks.json"), checks);
        const manifest = JSON.parse(readFileSync(join(at, "package.manifest.json"), "utf8")) as {
          files: { path: unknown; size_bytes: number; sha256: string }[];
        };
        const entry = manifest.files.find(({ path }) => path === "checks.json");
        if (entry === undefined) throw new Error("no entry");
        entry.size_bytes = Buffer.byteLength(checks);
        entry.sha256 = execFileSync("sha256sum", [join(at, "checks.json")], { encoding: "utf8" }).slice(0, 64);
        writeFileSync(join(at, "package.manifest.json"), JSON.stringify(manifest));
      });
    expect(await refusal(wrong("tree", /("bytes": \d+,\s+"digest": ")[0-9a-f]{4}/, "$1dead"))).toMatch(
      /checks failed: media/,
    );
    expect(await refusal(wrong("rows", /("app_note",\s+"rows": )2/, "$1 7"))).toMatch(
      /checks failed: the data of app_note/,
    );
  });
});

describe("killed", () => {
  test("while it restores: the old state is there, and the next restore ends it and leaves nothing behind", async () => {
    const [to, url] = [fresh(), emptyDatabase(true)];
    mkdirSync(join(to, "media"), { recursive: true });
    writeFileSync(join(to, "media", "old.txt"), "old");
    const { child, done } = startBuilt("restore", [
      "--package",
      packageOf("plain"),
      "--to",
      to,
      "--database",
      url,
      "--json",
    ]);
    child.stdout?.on("data", (text: string) => {
      if (text.includes("importing")) child.kill("SIGKILL");
    });
    expect((await done).signal).toBe("SIGKILL");
    expect(readdirSync(join(to, "media"))).toEqual(["old.txt"]);
    expect(await rowsOf(url, "select count(*) from app_note")).toEqual(["0"]);
    expect((await restore("plain", "--to", to, "--database", url)).code).toBe(0);
    expect(await rowsOf(url, NOTES)).toEqual(WANTED);
    expect(readdirSync(to).filter((name) => name.includes("package"))).toEqual([]);
  });

  test("between the two halves of a swap: the next restore puts the old tree back before anything else", async () => {
    const to = fresh();
    mkdirSync(join(to, "media"), { recursive: true });
    writeFileSync(join(to, "media", "old.txt"), "old");
    const base = join(to, ".holdfast-restore-package-media");
    mkdirSync(base);
    execFileSync("cp", ["-a", join(site, "media"), join(base, "fresh")]);
    renameSync(join(to, "media"), join(base, "aside"));
    const failed = await restore("plain", "--to", to, "--database", emptyDatabase(false));
    expect(failed.code).not.toBe(0);
    expect(readdirSync(join(to, "media"))).toEqual(["old.txt"]);
    expect(readdirSync(to)).toEqual(["media"]);
  });

  test("while it is made: no file of that name, and the next one takes the remains away", async () => {
    const home = fresh();
    mkdirSync(join(home), { recursive: true });
    mkdirSync(join(home, ".out.tgz.999999999-00000000-0000-4000-8000-000000000000.new"));
    expect((await runInProcess("portable", ["package", "--config", config, "-o", join(home, "out.tgz")])).code).toBe(0);
    expect(readdirSync(home)).toEqual(["out.tgz"]);
  });
});
