/** The portable step of a run: off unless asked for, plain files, verified like all units, and imported by hand. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { builtScript } from "../../support/commands/build.ts";
import { suiteDirectory, makeTemp, removeTree } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";

const directory = suiteDirectory("holdfast-portable-step-");
let place: ReinitSite;

const make = (name: string, sql: string): string => {
  runSql(join(directory, name), sql);
  return `sqlite:///${join(directory, name)}`;
};
const script = (name: string, ...args: string[]): string =>
  execFileSync("node", [builtScript(name), ...args], { encoding: "utf8" });
const latest = (): string => join(place.dest, "latest");
const config = (): string[] => ["--config", place.config];

beforeAll(() => {
  place = reinitSite(directory, make("db.sqlite3", `${reinitSchema("SQLite")}\n${reinitRows}`));
});

test("each database is a zip of plain lines of JSON, with its counts and digests in the metadata, and verify reads it", () => {
  script("backup_all", ...config(), "--quiet");
  const zip = join(latest(), "portable/main/portable.zip");
  execFileSync("unzip", ["-tq", zip]);
  const metadata = JSON.parse(readFileSync(join(latest(), "portable/main/metadata.json"), "utf8")) as {
    data_counts: Record<string, number>;
    digests: Record<string, string>;
  };
  expect(metadata.data_counts).toMatchObject({ auth_user: 3, book: 2, note: 1 });
  expect(Object.keys(metadata.digests)).toEqual(Object.keys(metadata.data_counts));
  expect(script("verify", ...config())).toContain("portable archives");
  const into = join(directory, "unpacked");
  mkdirSync(into);
  execFileSync("unzip", ["-q", zip, "-d", into]);
  const migrated = "insert into django_migrations (app, name, applied) values ('app', '0001_initial', '2026-01-01');";
  const target = make("empty.sqlite3", `${reinitSchema("SQLite")}\n${migrated}`);
  script("portable", "import", into, "--database", target);
  script("portable", "verify", into, "--database", target);
});

test("a restore in place names what it does not bring back, and how; the guide as well", () => {
  const shown = script("restore", ...config(), "--in-place", "--dry-run");
  expect(shown).toMatch(
    /portable\/main: unpack .*portable\.zip and import it with npx tsx scripts\/portable\.ts import/,
  );
  expect(readFileSync(join(latest(), "RESTORE.md"), "utf8")).toContain("portable/main/portable.zip");
});

test("the config's columns, generic relations and instance count as they do for portable.ts export", async () => {
  const root = makeTemp("holdfast-portable-step-");
  try {
    const url = (name: string): string => `sqlite:///${join(root, name)}`;
    runSql(
      join(root, "main.sqlite3"),
      "create table member (id integer primary key, login text not null unique, mail text, secret text, hash text not null)",
      "create table note (id integer primary key, about_type text not null, about_id integer not null, said text not null unique)",
      "insert into member values (1, 'ann', 'ann@example.org', 's3cret', 'hash-of-ann')",
      "insert into note values (1, 'member', 1, 'hm')",
    );
    // The settings name tables that the second database does not have.
    runSql(join(root, "jobs.sqlite3"), "create table job (id integer primary key, name text not null unique)");
    const site = join(root, "site.yaml");
    const refinement = {
      backup: true,
      instance: "the library",
      keys: { member: ["login"] },
      exclude_columns: { member: ["secret"] },
      replace: { member: { mail: "", hash: { unusable_password: true } } },
      generic: [{ table: "note", type: "about_type", id: "about_id" }],
    };
    const databases = [
      { name: "main", url: url("main.sqlite3") },
      { name: "jobs", url: url("jobs.sqlite3") },
    ];
    writeFileSync(
      site,
      `site: s\nroot: ${root}\ndest: ${root}-store\ndatabase: ${JSON.stringify(databases)}\nportable: ${JSON.stringify(refinement)}\n`,
    );
    const contentOf = (zip: string): string => {
      const into = makeTemp("holdfast-portable-step-");
      execFileSync("unzip", ["-q", zip, "-d", into]);
      const data = execFileSync("sh", ["-c", 'cat "$1"/manifest.json; zcat "$1"/data/*/*.gz', "sh", into], { encoding: "utf8" }); // prettier-ignore
      removeTree(into);
      return data.replaceAll(/"!\w+"/g, '"!"').replaceAll(/"(?:created_at|sha256|size_bytes|checksum)": ?[^,\n]+/g, "");
    };
    const backup = await runInProcess("backup_all", ["--config", site, "--steps", "portable"]);
    expect([backup.code, backup.stderr]).toMatchObject([0, expect.not.stringContaining("look like a generic")]);
    const [run = ""] = execFileSync("ls", [`${root}-store/runs`], { encoding: "utf8" }).split("\n");
    const made = contentOf(join(`${root}-store/runs`, run, "portable/main/portable.zip"));
    const own = join(root, "own.zip");
    expect((await runInProcess("portable", ["export", "--config", site, "-o", own])).code).toBe(0);
    expect(made).toContain('"instance": "the library"');
    expect(made).toContain('{"$generic":["member","ann"]}');
    for (const secret of ["s3cret", "example.org", "hash-of-ann"]) expect(made).not.toContain(secret);
    // The name of the source is the site's, which an export has by a flag alone.
    expect(made.replace('"name": "s"', '"name": null')).toBe(contentOf(own));
  } finally {
    removeTree(root);
    removeTree(`${root}-store`);
  }
});

describe("verify --deep", () => {
  const deep = async (): Promise<Record<string, unknown>> => {
    const { code, json } = await runInProcess("verify", [...config(), "--deep", "--json"]);
    const { checks } = json.at(-1) as { checks: { id: string }[] };
    return { code, ...checks.find(({ id }) => id === "portable_import") };
  };
  /** In the place of the run's export: another one, as whole. */
  const exchanged = async (sql: string): Promise<Record<string, unknown>> => {
    const zip = join(latest(), "portable/main/portable.zip");
    const [bytes, other] = [readFileSync(zip), join(directory, "other")];
    script("portable", "export", "--database", make("other.sqlite3", sql), "-o", other, "--no-timestamp");
    execFileSync("sh", ["-c", 'chmod u+w "$1"; rm "$1"; cd "$2" && zip -qr "$1" .', "sh", zip, other]);
    try {
      return await deep();
    } finally {
      execFileSync("rm", ["-rf", other, join(directory, "other.sqlite3"), zip]);
      writeFileSync(zip, bytes);
    }
  };

  test("imports it into the restored dump, and compares what came of it", async () => {
    expect(await deep()).toMatchObject({
      code: 0,
      state: "ok",
      figure: expect.stringMatching(/^1 export imported, \d+ tables, \d+ rows$/),
    });
  });

  test("an export of other rows, or one that does not go into the database, fails by its name", async () => {
    const rows = await exchanged(
      `${reinitSchema("SQLite")}\n${reinitRows}; update book set title = 'Three' where title = 'Two'`,
    );
    expect(rows).toMatchObject({
      code: 13,
      state: "failed",
      problems: expect.arrayContaining([
        { path: "portable/main/portable.zip", message: "book differs from the metadata" },
      ]),
    });
    expect(await exchanged("create table elsewhere (name text primary key not null)")).toMatchObject({
      code: 13,
      state: "failed",
      problems: expect.arrayContaining([
        { path: "portable/main/portable.zip", message: expect.stringMatching(/table elsewhere does not exist/) },
      ]),
    });
  });
});

test("a zip that was changed fails the verification", () => {
  const zip = join(latest(), "portable/main/portable.zip");
  const bytes = readFileSync(zip);
  execFileSync("chmod", ["u+w", zip]);
  writeFileSync(
    zip,
    Buffer.concat([bytes.subarray(0, 200), Buffer.from([(bytes[200] ?? 0) ^ 255]), bytes.subarray(201)]),
  );
  expect(() => script("verify", ...config())).toThrow();
  writeFileSync(zip, bytes);
});

test("without portable.backup a run has no such step, and its script says so", () => {
  writeFileSync(place.config, readFileSync(place.config, "utf8").replace("backup: true", "backup: false"));
  script("backup_all", ...config(), "--quiet");
  expect(existsSync(join(latest(), "portable"))).toBe(false);
  expect(() => script("backup_portable", ...config())).toThrow(/nothing for the step portable/);
});
