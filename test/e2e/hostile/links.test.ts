/** A backup as root of a site whose user puts links in the way of what the config names: nothing that is not his gets into the run. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Failure } from "../../../lib/model/unit.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { tempDirectory } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

const SECRET = "ROOT-ONLY-7f3a";

/** The place of the link below the site, what it leads to below the victim, and the unit that fails. */
const DIRECTORIES = [
  ["projects", "of-projects", "source_exports/1"],
  ["legacy", "of-legacy", "legacy_zips/one"],
  ["audio", "of-audio", "audio_cache/archives/"],
  ["media", "of-media", "snapshots/full_media_tree"],
  ["uploads", "of-uploads", "trees/uploads"],
  ["big", "of-big", "trees/big"],
  ["data", "of-data", "db/app.db"],
  ["conf", "of-conf", "infra/nginx_site.conf"],
  ["conf.d", "of-conf.d", "infra/files/one.conf"],
] as const;
const FILES = [
  ["audio.db", "audio.db", "audio_cache/orm_db"],
  ["notes.txt", "notes.txt", "trees/notes.txt"],
  ["data/app.db", "app.db", "db/app.db"],
  [".env", ".env", "infra/.env.sample"],
  ["conf.d/one.conf", "one.conf", "infra/files/one.conf"],
  ["cert.pem", "cert.pem", "infra/tls_files.txt"],
] as const;

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("a backup as root", () => {
  let base: string;
  const site = (...names: string[]): string => join(base, "site", ...names);
  const victim = (...names: string[]): string => join(base, "victim", ...names);
  const put = (file: string, text = "harmless\n"): void => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  const link = (from: string, to: string, owner = "nobody"): void => {
    symlinkSync(to, from);
    execFileSync("chown", ["-h", owner, from]);
  };
  const sqlite = (file: string, text: string): void => {
    mkdirSync(dirname(file), { recursive: true });
    execFileSync("sqlite3", [file, `create table t (x); insert into t values ('${text}')`]);
  };
  const backUp = async () =>
    await runInProcess("backup_all", ["--config", join(base, "site.yaml"), "--existing", "overwrite"], {
      env: { XDG_STATE_HOME: join(base, "state") },
    });
  const failures = (): Failure[] =>
    JSON.parse(readFileSync(join(base, "store/last/failures.json"), "utf8")) as Failure[];
  /** Nothing is compressed, so that what is in an archive is in the file. */
  const isInStore = (text: string): boolean => spawnSync("grep", ["-raqF", text, join(base, "store")]).status === 0;
  const configure = (extra = ""): void =>
    writeFileSync(
      join(base, "site.yaml"),
      `site: s
root: ${base}/site
dest: ${base}/store
compression_level: 0
database: { url: sqlite:///${site("data/app.db")} }
projects: { glob: "projects/*", source: { path: "projects/{id}" } }
legacy: { path: legacy }
audio_cache: { path: audio, databases: [audio.db] }
snapshots: { media: [media] }
trees: [uploads, { path: notes.txt }, { path: big, shard_above_mb: 0 }]
infra: { env: [.env], nginx: [conf/nginx.conf], files: [conf.d], tls: [cert.pem] }
${extra}`,
    );

  beforeEach(() => {
    base = tempDirectory();
    chmodSync(base, 0o755);
    for (const name of [
      "projects/1/a",
      "legacy/one/a",
      "audio/a.mp3",
      "media/a.png",
      "uploads/a",
      "notes.txt",
      "big/a",
    ])
      put(site(name));
    for (const name of [".env", "conf/nginx.conf", "conf.d/one.conf", "cert.pem"]) put(site(name), "NAME=harmless\n");
    sqlite(site("data/app.db"), "harmless");
    sqlite(site("audio.db"), "harmless");
    execFileSync("chown", ["-R", "nobody", site()]);
    for (const name of ["a", "notes.txt", "one.conf"]) put(victim(name), `words ${SECRET}\n`);
    put(victim(".env"), `NAME=${SECRET}\n`);
    sqlite(victim("app.db"), SECRET);
    sqlite(victim("audio.db"), SECRET);
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", `/CN=${SECRET}`];
    const files = ["-keyout", join(base, "key.pem"), "-out", victim("cert.pem")];
    execFileSync("openssl", [...request, ...files], { stdio: "ignore" });
    for (const [, directory] of DIRECTORIES) {
      for (const name of ["1/a", "one/a", "a.mp3", "a.png", "a", "nginx.conf", "one.conf"])
        put(victim(directory, name), `words ${SECRET}\n`);
      sqlite(victim(directory, "app.db"), SECRET);
    }
    chmodSync(victim(), 0o700);
    configure();
  });

  test.each([
    { links: { uploads: "media", legacy: "big" }, failed: ["legacy_zips/null", "trees/uploads"] },
    { links: { media: "uploads", audio: "big" }, failed: ["audio_cache/archives", "snapshots/full_media_tree"] },
  ])("of links that make two configured directories one, each fails by its name, and all else is backed up: $links", async ({ links, failed }) => {
    for (const [from, to] of Object.entries(links)) {
      rmSync(site(from), { recursive: true });
      link(site(from), site(to));
    }
    const { code, stderr } = await backUp();
    expect([code, stderr]).toEqual([3, expect.stringContaining("trees[")]);
    const found = failures().map(({ step, unit, code: why }) => `${step}/${String(unit)} ${why}`);
    for (const unit of failed) expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${unit}.* E_(?:CLAIM|MISSING)$`)));
    expect(found.filter((one) => !failed.some((unit) => one.startsWith(unit)) && !one.endsWith("E_CLAIM"))).toEqual([]);
    const run = join(base, "store/last");
    for (const whole of ["trees/big", "trees/notes.txt", "source_exports/1", "db/app.db", ...Object.values(links).map((to) => (to === "media" ? "snapshots/full_media_tree" : `trees/${to}`))])
      expect(existsSync(join(run, whole)), whole).toBe(true);
  }); // prettier-ignore

  const PLACES = ["projects", "legacy", "audio", "media", "uploads", "big", "data/app.db", "audio.db", "notes.txt", "conf", "conf/nginx.conf", "conf.d", ".env"]; // prettier-ignore
  test("a configured path that a link points at any other one never stops the backup of the rest", async () => {
    for (const [at, from] of PLACES.entries()) {
      const to = PLACES[(at + (at % 2 === 0 ? 1 : 5)) % PLACES.length] ?? "";
      if (`${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`)) continue;
      const kept = join(base, "kept");
      renameSync(site(from), kept);
      link(site(from), site(to));
      const { code, stderr } = await backUp();
      expect([0, 3], `${from} -> ${to}: ${stderr}`).toContain(code);
      expect(existsSync(join(base, "store/last/trees", to === "notes.txt" || from === "notes.txt" ? "uploads" : "notes.txt")) || from === "uploads", `${from} -> ${to}`).toBe(true);
      rmSync(site(from));
      renameSync(kept, site(from));
    }
  }, 600_000); // prettier-ignore

  test("two keys with one path are refused by the config", async () => {
    configure();
    writeFileSync(join(base, "site.yaml"), readFileSync(join(base, "site.yaml"), "utf8").replace("[uploads,", "[uploads, ./media,"));
    expect(await backUp()).toMatchObject({ code: 2, stderr: expect.stringContaining("both take") });
  }); // prettier-ignore

  test.each([
    { kind: "directories", places: DIRECTORIES },
    { kind: "files", places: FILES },
  ])("reads nothing through links of the site's user in the place of $kind", async ({ places }) => {
    for (const [place, target] of places) {
      rmSync(site(place), { recursive: true });
      link(site(place), victim(target));
    }
    expect((await backUp()).code).toBe(3);
    expect(isInStore(SECRET)).toBe(false);
    const found = failures().map(({ step, unit, code, message }) => `${step}/${unit} ${code}: ${message}`);
    for (const [place, , unit] of places) {
      expect(found.join("\n")).toContain(`${unit} E_LINK: `);
      expect(found.join("\n")).toContain(`${site(place)} is a symlink owned by uid 65534`);
    }
  });

  test("follows links that root has made, and those to what is the same user's", async () => {
    for (const place of ["uploads", "data", "conf", "notes.txt"]) {
      renameSync(site(place), join(base, place));
      link(site(place), join(base, place), "root");
    }
    for (const place of ["media", "legacy", "big", ".env", "audio.db"]) {
      renameSync(site(place), join(base, place));
      link(site(place), join(base, place));
    }
    expect((await backUp()).code).toBe(0);
    expect(failures()).toEqual([]);
  });

  test("follows, with follow_links, no link of the site's user to what is not his, and names it", async () => {
    link(site("uploads/out"), victim());
    mkdirSync(join(base, "shared"));
    put(join(base, "shared/b"), "SHARED-AND-FOLLOWED\n");
    link(site("uploads/shared"), join(base, "shared"), "root");
    configure("follow_links: true\n");
    expect((await backUp()).code).toBe(0);
    expect(isInStore(SECRET)).toBe(false);
    expect(isInStore("SHARED-AND-FOLLOWED")).toBe(true);
    const { uncovered } = JSON.parse(readFileSync(join(base, "store/latest/manifest.json"), "utf8")) as {
      uncovered: string[];
    };
    expect(uncovered).toContain(`uploads/out -> ${victim()}`);
  });

  test("portable data reads no database through a link", async () => {
    rmSync(site("data/app.db"));
    link(site("data/app.db"), victim("app.db"));
    const { code, stderr } = await runInProcess("portable", [
      ...["export", "--config", join(base, "site.yaml"), "-o", join(base, "export")],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("is a symlink owned by uid 65534");
    expect(existsSync(join(base, "export"))).toBe(false);
  });

  test("a package holds no tree that a link of the site's user leads to", async () => {
    rmSync(site("uploads"), { recursive: true });
    link(site("uploads"), victim());
    const database = `database: { url: sqlite:///${site("data/app.db")} }`;
    writeFileSync(join(base, "site.yaml"), `site: s\nroot: ${site()}\n${database}\ntrees: [uploads]\n`);
    const args = ["package", "--config", join(base, "site.yaml")];
    const { code, stderr } = await runInProcess("portable", [...args, "-o", join(base, "p.tgz")]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${site("uploads")} is a symlink owned by uid 65534`);
    expect(existsSync(join(base, "p.tgz"))).toBe(false);
  });

  test("a restore puts no database in the place of what a link leads to", async () => {
    expect((await backUp()).code).toBe(0);
    for (const target of [victim("app.db"), join(base, "cron.d")]) {
      rmSync(site("data/app.db"));
      link(site("data/app.db"), target);
      const { code, stderr } = await runInProcess("restore", [
        ...["--dest", join(base, "store"), "--config", join(base, "site.yaml"), "--step", "db"],
        ...["--in-place", "--yes", "--no-safety", "--reason", "a test"],
      ]);
      expect(code).not.toBe(0);
      expect(stderr).toContain(`${site("data/app.db")} is a symlink owned by uid 65534`);
    }
    expect(existsSync(join(base, "cron.d"))).toBe(false);
    const rows = execFileSync("sqlite3", [victim("app.db"), "select x from t"], { encoding: "utf8" });
    expect(rows).toBe(`${SECRET}\n`);
  });

  test.each(["-wal", "-journal", "-shm"])(
    "waits for no FIFO beside a database, and follows no link: %s",
    async (end) => {
      execFileSync("sqlite3", [site("data/app.db"), "pragma journal_mode=wal"]);
      for (const make of [
        (file: string) => execFileSync("mkfifo", [file]),
        (file: string) => symlinkSync(victim("a"), file),
      ]) {
        const file = site("data/app.db") + end;
        rmSync(file, { force: true });
        make(file);
        execFileSync("chown", ["-h", "nobody", file]);
        expect((await backUp()).code).toBe(3);
        expect(failures().filter(({ step }) => step === "db")).toMatchObject([{ code: "E_SQLITE" }]);
        expect(isInStore(SECRET)).toBe(false);
      }
    },
  );

  test("removes no file that a journal names beside a database", async () => {
    execFileSync(PYTHON, ["-c", HOT_JOURNAL, site("data/app.db"), victim("a")]);
    execFileSync("chown", ["-R", "nobody", site("data")]);
    expect((await backUp()).code).toBe(0);
    expect(existsSync(victim("a"))).toBe(true);
    const [dump = ""] = readdirSync(join(base, "store/latest/db")).filter((name) => name.startsWith("s_db_"));
    const rows = execFileSync("sqlite3", [join(base, "store/latest/db", dump), "select x from t"], {
      encoding: "utf8",
    });
    expect(rows).toBe("harmless\n"); // rolled back
  });
});

/** Leaves a database in the middle of a transaction, with a journal that says it is one of several and names a file of theirs. */
const HOT_JOURNAL = `
import shutil, sqlite3, struct, sys
live, victim = sys.argv[1:]
db = sqlite3.connect(live + ".busy", isolation_level=None)
for sql in ["create table t (x)", "insert into t values ('harmless')", "create table big (y)",
            "pragma cache_size=5", "begin", "update t set x='half'"]: db.execute(sql)
for i in range(400): db.execute("insert into big values (randomblob(3000))")
for end in ["", "-journal"]: shutil.copy(live + ".busy" + end, live + end)
db.rollback()
name = victim.encode()
record = struct.pack(">I", 0x40000000 // 4096 + 1) + name
record += struct.pack(">II", len(name), sum(name)) + bytes.fromhex("d9d505f920a163d7")
open(live + "-journal", "ab").write(record)
`;
