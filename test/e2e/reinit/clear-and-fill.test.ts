/** A site is cleared by the front door, and filled again from an export; whatever goes wrong, it is as it was. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { change, rowsOf, useEngines } from "../../support/portable/engines.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

const NAMES = ["SQLite", "PostgreSQL", "MariaDB"] as const;
const KEPT = ["django_migrations", "django_content_type", "auth_permission", "setting"];
const CLEARED = ["team", "book", "tag", "book_tag", "note"];
const engines = useEngines();
const directories: string[] = [];

afterAll(() => {
  for (const directory of directories) removeTree(directory);
});

async function site(name: string, reinit: readonly string[] = []): Promise<ReinitSite> {
  const engine = engines.of(name);
  const directory = makeTemp("holdfast-reinit-");
  directories.push(directory);
  const url = await engine.make(`${reinitSchema(engine.name)}\n${reinitRows}`);
  return reinitSite(directory, url, reinit);
}

const SURE = ["--yes", "--i-mean-it"];
const reinit = async ({ config }: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await runInProcess("reinit", ["--config", config, "--json", ...args]);
const summaryOf = ({ json }: RunResult): Record<string, unknown> => json.at(-1) as Record<string, unknown>;
const errorOf = (result: RunResult): unknown => summaryOf(result)["error_code"];
const counts = async (url: string, tables: readonly string[]): Promise<Record<string, string | undefined>> =>
  Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => [table, (await rowsOf(url, `select count(*) from ${table}`))[0]] as const),
    ),
  );
const everything = async ({ url }: ReinitSite): Promise<unknown> =>
  await Promise.all(
    [...KEPT, ...CLEARED, "auth_user"].map(async (table) => (await rowsOf(url, `select * from ${table}`)).toSorted()),
  );

describe.each(NAMES)("on %s", (name) => {
  test("users and what they made are gone, the configured tables and rows are there, the files lie aside", async () => {
    const place = await site(name);
    const before = await counts(place.url, KEPT);
    const done = await reinit(place, ...SURE);
    expect({ code: done.code, stderr: done.stderr }).toMatchObject({ code: 0 });
    expect(await counts(place.url, KEPT)).toEqual(before);
    expect(await counts(place.url, CLEARED)).toEqual(Object.fromEntries(CLEARED.map((table) => [table, "0"])));
    expect(await rowsOf(place.url, "select username from auth_user")).toEqual(["admin"]);
    const summary = summaryOf(done);
    expect(summary).toMatchObject({ rows: 12, site: "library" });
    // Numbers begin again only where all rows went.
    await change(
      place.url,
      "insert into tag (name) values ('first')",
      "insert into auth_user (username, is_admin) values ('new', false)",
    );
    expect(await rowsOf(place.url, "select id from tag")).toEqual(["1"]);
    expect(await rowsOf(place.url, "select id from auth_user where username = 'new'")).toEqual(["4"]);
    // Moved, not deleted; the new one is like the old one.
    expect(readdirSync(place.media)).toEqual([]);
    expect(statSync(place.media).mode & 0o777).toBe(0o755);
    const [aside = ""] = readdirSync(place.root).filter((one) => one.startsWith("media.reinit-"));
    expect(readFileSync(join(place.root, aside, "photo.jpg"), "utf8")).toBe("photo");
    // The way back was made and proved before.
    const to = join(place.root, "..", "restored");
    const back = ["--config", place.config, "--run", String(summary["safety_run"]), "--to", to];
    expect((await runInProcess("restore", back)).code).toBe(0);
    expect(existsSync(join(place.dest, "reinits", String(summary["reinit"])))).toBe(false);
  }, 60_000);

  test("the dry run shows all of it and changes nothing", async () => {
    const place = await site(name);
    const before = await everything(place);
    const dry = await reinit(place, "--dry-run");
    expect(dry.code).toBe(0);
    const tables = (summaryOf(dry)["tables"] as { table: string; action: string; clears: number; keeps: number }[]).map(
      ({ table, action, clears, keeps }) => `${table.replace(/^public\./, "")} ${action} ${clears} ${keeps}`,
    );
    expect(tables).toEqual(
      expect.arrayContaining([
        "setting keep 0 1",
        "auth_user clear rows 2 1",
        "book clear 2 0",
        "auth_permission keep 0 1",
      ]),
    );
    expect(await everything(place)).toEqual(before);
    expect(existsSync(place.dest)).toBe(false);
    expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
  });

  test("rows that stay and lead to rows that go are refused by name, before anything is saved or cleared", async () => {
    const place = await site(name, ["# more"]);
    await change(place.url, "update auth_user set team_id = 1 where username = 'admin'");
    const before = await everything(place);
    const refused = await reinit(place, ...SURE);
    expect([refused.code, errorOf(refused)]).toEqual([1, "E_TARGET"]);
    expect(String(summaryOf(refused)["message"])).toMatch(
      /auth_user\.team_id: 1 kept rows reference rows of .*team to be .*\(admin\)/,
    );
    expect(await everything(place)).toEqual(before);
    const dry = await reinit(place, "--dry-run");
    expect([dry.code, summaryOf(dry)["problems"]]).toEqual([1, [expect.stringContaining("auth_user.team_id")]]);
  });

  test("an administrator that cannot be made: database, numbers and directories are as they were", async () => {
    const place = await site(name, [`admin_command: [sh, -c, "echo no >&2; exit 3"]`]);
    const before = await everything(place);
    const failed = await reinit(place, ...SURE);
    expect([failed.code, errorOf(failed)]).toEqual([1, "E_COMMAND"]);
    expect(await everything(place)).toEqual(before);
    expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
    expect(readdirSync(place.root).filter((one) => one.includes("reinit"))).toEqual([]);
    // Nothing pends: the next one can begin.
    expect((await reinit(place, "--recover")).code).toBe(1);
    writeFileSync(place.config, readFileSync(place.config, "utf8").replace("exit 3", "exit 0"));
    expect((await reinit(place, ...SURE)).code).toBe(0);
  }, 60_000);

  test("what was exported before comes back by name: users keep their new numbers, links and UUIDs follow, and the remaps are listed", async () => {
    const place = await site(name);
    const output = join(place.root, "..", "export");
    const database = ["--database", place.url];
    expect((await runInProcess("portable", ["export", ...database, "-o", output, "--no-timestamp"])).code).toBe(0);
    expect((await reinit(place, ...SURE)).code).toBe(0);
    const uuid = "11111111-1111-4111-8111-111111111111";
    await change(
      place.url,
      "insert into auth_user (username, is_admin) values ('carl', false), ('ann', false)",
      `insert into book select '${uuid}', 'One', id from auth_user where username = 'carl'`,
    );
    const [ann] = await rowsOf(place.url, "select id from auth_user where username = 'ann'");
    const done = await runInProcess("portable", ["import", output, ...database, "--json", "--force"]);
    expect({ code: done.code, stderr: done.stderr }).toMatchObject({ code: 0 });
    const tables = summaryOf(done)["tables"] as { table: string; remapped: { samples: unknown[] } }[];
    const remapped = (table: string): unknown =>
      tables.find((one) => one.table.replace(/^public\./, "") === table)?.remapped.samples;
    expect(remapped("auth_user")).toEqual([{ was: "2", is: ann, key: expect.stringContaining("ann") }]);
    expect(await rowsOf(place.url, "select id from auth_user where username = 'ann'")).toEqual([ann]);
    const linked =
      "select b.title, u.username, t.name from book b join auth_user u on u.id = b.author_id join book_tag x on x.book_id = b.id join tag t on t.id = x.tag_id order by 1, 3";
    expect(await rowsOf(place.url, linked)).toEqual(["One|ann|new", "One|ann|old", "Two|bob|old"]);
    expect(
      await rowsOf(place.url, "select said from note n join auth_user u on u.id = n.owner_id where username = 'ann'"),
    ).toEqual(["hm"]);
    expect(await rowsOf(place.url, "select id from book where title = 'One'")).toEqual([uuid]);
  }, 60_000);
});

describe("by the operator", () => {
  test.each([[], ["--yes"], ["--i-mean-it"]])(
    "nothing happens with %j alone, where nobody can type",
    async (...args) => {
      const place = await site("SQLite");
      const before = await everything(place);
      const refused = await reinit(place, ...args);
      expect([refused.code, errorOf(refused)]).toEqual([2, "E_CONFIRM"]);
      expect(await everything(place)).toEqual(before);
    },
  );

  test("on a terminal the site's name is typed, and no other word will do", async () => {
    const place = await site("SQLite");
    const typed = (word: string): string =>
      execFileSync(
        PYTHON,
        [
          "-c",
          `import pty, os, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp("npx", ["npx", "tsx", "scripts/reinit.ts", "--config", sys.argv[1]])
out = b""
sent = False
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part: break
    out += part
    if not sent and b"Type library" in out:
        sent = True
        os.write(fd, sys.argv[2].encode() + b"\\n")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`,
          place.config,
          word,
        ],
        { encoding: "utf8" },
      ).trim();
    expect(typed("yes")).toBe("2");
    expect(await rowsOf(place.url, "select count(*) from book")).toEqual(["2"]);
    expect(typed("library")).toBe("0");
    expect(await rowsOf(place.url, "select count(*) from book")).toEqual(["0"]);
  }, 60_000);

  test.each([
    ["keep: [nothing_like_it]", /no table nothing_like_it/],
    ["keep_rows: { auth_user: { is_amdin: true } }", /no column is_amdin/],
    ["keep_rows: { auth_user: { id: admin } }", /expected an integer, found admin/],
    ["keep_rows: { auth_user: {} }", /lists no column/],
    ["storage: [nowhere]", /nowhere is not a directory/],
    ["storage: [.]", /which has to stay/],
  ])("a config that cannot be meant so is refused: %s", async (line, message) => {
    const place = await site("SQLite");
    const key = line.split(":")[0] ?? "";
    writeFileSync(
      place.config,
      readFileSync(place.config, "utf8").replace(new RegExp(`^    ${key}:.*$`, "m"), `    ${line}`),
    );
    const refused = await reinit(place, ...SURE);
    expect([refused.code, errorOf(refused)]).toEqual([2, "E_CONFIG"]);
    expect(String(summaryOf(refused)["message"])).toMatch(message);
  });

  test("the clock was set back: a reinit has a later id than all before it", async () => {
    const place = await site("SQLite");
    const first = String(summaryOf(await reinit(place, ...SURE))["reinit"]);
    const journal = (id: string): string => join(place.dest, "reinits", `${id}.json`);
    const ahead = "29991231T235958Z";
    writeFileSync(journal(ahead), readFileSync(journal(first), "utf8").replaceAll(first, ahead));
    expect(summaryOf(await reinit(place, ...SURE))).toMatchObject({ reinit: "29991231T235959Z" });
  });

  test("the safety backup failed and the restore went on: no reinit without one", async () => {
    const place = await site("SQLite");
    await runBuilt("backup_db", ["--config", place.config]);
    execFileSync("sh", [
      "-c",
      `rm -rf ${place.dest}/backups ${place.dest}/runs; chmod 0 ${place.dest}/store.json 2>/dev/null; echo '{' > ${place.dest}/store.json`,
    ]);
    const before = await everything(place);
    const failed = await reinit(place, ...SURE);
    expect(failed.code).not.toBe(0);
    expect(await everything(place)).toEqual(before);
    expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
  });
});

test("a recovery moves no directory that the journal names and the config does not", async () => {
  const place = await site("SQLite");
  expect((await reinit(place, ...SURE)).code).toBe(0);
  const [name = ""] = readdirSync(join(place.dest, "reinits")).filter((one) => one.endsWith(".json"));
  const file = join(place.dest, "reinits", name);
  const text = readFileSync(file, "utf8").replace('"phase": "completed"', '"phase": "clearing"');
  const planted = join(place.root, "../cron.d");
  const victim = join(place.root, "../victim");
  mkdirSync(victim);
  const [, live = ""] = /"live": ("[^"]+")/.exec(text) ?? [];
  const [, aside = ""] = /"aside": ("[^"]+")/.exec(text) ?? [];
  for (const forged of [
    text.replace(live, () => JSON.stringify(planted)),
    text.replace(aside, () => JSON.stringify(victim)),
    text.replace(/"reinit": "[^"]+"/, '"reinit": "../../x"'),
  ]) {
    writeFileSync(file, forged);
    expect((await reinit(place, "--recover")).code).toBe(13);
    expect([existsSync(planted), existsSync(victim), existsSync(JSON.parse(aside) as string)]).toEqual([
      false,
      true,
      true,
    ]);
  }
  writeFileSync(file, text);
  expect((await reinit(place, "--recover")).code).toBe(0);
  expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
});
