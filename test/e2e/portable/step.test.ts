/** The portable step of a run: off unless asked for, plain files, verified like all units, and imported by hand. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/reinit.ts";
import { builtScript, runBuilt } from "../../support/backup.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";

let directory: string;
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
  directory = makeTemp("holdfast-portable-step-");
  place = reinitSite(directory, make("db.sqlite3", `${reinitSchema("SQLite")}\n${reinitRows}`));
});
afterAll(() => removeTree(directory));

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

describe("verify --deep", () => {
  const deep = async (): Promise<Record<string, unknown>> => {
    const { code, json } = await runBuilt("verify", [...config(), "--deep", "--json"]);
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
