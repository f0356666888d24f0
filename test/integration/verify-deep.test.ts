/** `verify --deep`: dumps of real servers restored into scratch databases, and compiled texts opened in a browser. */
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verify, type Check, type VerifyRequest } from "../../lib/ops/verify/run.ts";
import { eventually } from "../support/runs/backup.ts";
import { runInProcess } from "../support/commands/in-process.ts";
import { useEngines } from "../support/portable/engines.ts";
import { reinitRows, reinitSchema, reinitSite } from "../support/sites/reinit.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../support/sites/site.ts";
import { makeTemp, removeTree, tempDirectory } from "../support/temp.ts";

const { signal } = new AbortController();

async function backUp(site: Pick<TestSite, "config" | "dest">, args: readonly string[] = []): Promise<string> {
  const { code, stderr } = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest, ...args]);
  if (code !== 0) throw new Error(stderr);
  return site.dest;
}

async function deep(store: string, id: string, more: Partial<VerifyRequest> = {}): Promise<Check> {
  const { checks } = await verify({ store, run: "latest", quick: false, deep: true, ...more }, { signal });
  const check = checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`${id} was not looked at`);
  return check;
}

/** A copy of a store in which a test changes the run. */
function copyOf(store: string): { store: string; run: string } {
  const copy = path.join(tempDirectory(), "store");
  cpSync(store, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const [run = ""] = readdirSync(path.join(copy, "runs"));
  return { store: copy, run: path.join(copy, "runs", run) };
}

function edit(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, "utf8");
  const changed = change(text);
  expect(changed).not.toBe(text);
  writeFileSync(file, changed);
}

const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`holdfast-drill-${process.pid}-`));

describe.each([
  ["PostgreSQL", acquirePostgres, "select datname from pg_database where datname like 'holdfast%'"],
  ["MariaDB", acquireMariadb, "select schema_name from information_schema.schemata where schema_name like 'holdfast%'"],
] as const)("a dump of %s", (name, start, list) => {
  let directory: string;
  let server: TestServer;
  let store: string;

  beforeAll(async () => {
    directory = makeTemp();
    server = await start();
    await server.sql(
      "create table clara_app_claraproject (id int primary key, internal_id varchar(99), title varchar(99), l2 varchar(9), l1 varchar(9), user_id int); create table auth_user (id int primary key, username varchar(99)); insert into auth_user values (1, 'anna'), (2, 'bo');",
    );
    if (name === "PostgreSQL") await server.sql("grant select on all tables in schema public to clara");
    writeFileSync(path.join(directory, "password"), server.password, { mode: 0o600 });
    const database = `database: { url: "${server.url}", password_file: ${directory}/password, digests: true }`;
    store = path.join(directory, "store");
    await backUp(makeSite(directory, { config: { database } }), ["--steps", "db"]);
  });

  afterAll(async () => {
    await server.release();
    removeTree(directory);
  });

  const latest = { run: "" };
  beforeAll(() => void ([latest.run = ""] = readdirSync(path.join(store, "runs"))));

  test("is restored on a private server, compared, and nothing is left", async () => {
    const check = await deep(store, "database_restore", { run: latest.run });
    expect(check).toMatchObject({ state: "ok", figure: "1 dump restored, 2 tables, 2 rows, 2 digests" });
    expect(leftovers()).toEqual([]);
  });

  test("is restored on the server that is named, and dropped there", async () => {
    const check = await deep(store, "database_restore", { run: latest.run, scratch: server.superuserUrl });
    expect(check).toMatchObject({ state: "ok", figure: "1 dump restored, 2 tables, 2 rows, 2 digests" });
    expect((await server.sql(list)).trim()).toBe("");
  });

  test("fails when it holds other tables or rows than were recorded", async () => {
    const copy = copyOf(store);
    const [unit = ""] = readdirSync(path.join(copy.run, "db"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    edit(path.join(copy.run, "db", unit, "metadata.json"), (text) =>
      text.replace(/(auth_user": \{\s*"rows": )2([^}]*?),\s*"digest": "[^"]*"/, "$15$2"),
    );
    const check = await deep(copy.store, "database_restore", { run: latest.run, scratch: server.superuserUrl });
    expect(check.state).toBe("failed");
    expect(check.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/auth_user has 2 rows, 5 were recorded/),
    ]);
    expect((await server.sql(list)).trim()).toBe("");
  });

  test("fails when as many rows hold something else", async () => {
    const copy = copyOf(store);
    const [unit = ""] = readdirSync(path.join(copy.run, "db"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    edit(path.join(copy.run, "db", unit, "metadata.json"), (text) =>
      text.replace(/(auth_user": \{[^}]*"digest": "[^"]*)[^"]"/, '$1~"'),
    );
    const check = await deep(copy.store, "database_restore", { run: latest.run, scratch: server.superuserUrl });
    expect(check.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/auth_user has other content than was recorded$/),
    ]);
  });

  test("fails when it cannot be loaded", async () => {
    const copy = copyOf(store);
    const [dump = ""] = readdirSync(path.join(copy.run, "db")).filter((file) => /\.(dump|sql\.gz)$/.test(file));
    const file = path.join(copy.run, "db", dump);
    writeFileSync(file, readFileSync(file).subarray(0, -200));
    const check = await deep(copy.store, "database_restore", { run: latest.run, scratch: server.superuserUrl });
    expect(check.state).toBe("failed");
    expect(check.problems).toEqual([expect.objectContaining({ path: `db/${dump}` })]);
  });

  test("a server for scratch databases that does not answer is an error, and says nothing of the dump", async () => {
    const scratch = server.superuserUrl.replace(`:${server.port}/`, ":1/");
    await expect(deep(store, "database_restore", { run: latest.run, scratch })).rejects.toMatchObject({
      code: "E_DATABASE",
    });
  });

  test(`${name}: is not tried where the right to make databases is missing: not proved`, async () => {
    const check = await deep(store, "database_restore", { run: latest.run, scratch: server.urlWithPassword });
    expect(check.problems).toEqual([]);
    expect(check.state).toBe("not proved");
  });
});

describe.each(["PostgreSQL", "MariaDB", "SQLite"])("portable data of %s", (name) => {
  let directory: string;
  const engines = useEngines();
  let store: string;

  beforeAll(async () => {
    directory = makeTemp();
    const url = await engines
      .of(name)
      .make(
        `${reinitSchema(engines.of(name).name)}\n${reinitRows}; create table session (id integer not null primary key, owner_id integer, foreign key (owner_id) references auth_user (id)); insert into session values (1, 2);`,
      );
    const place = reinitSite(directory, url);
    writeFileSync(
      place.config,
      readFileSync(place.config, "utf8").replace("backup: true", "backup: true\n  exclude: [session]"),
    );
    store = await backUp(place);
  });
  afterAll(() => removeTree(directory));

  test("are imported into the dump that was restored, beside tables that were left out", async () => {
    const check = await deep(store, "portable_import");
    expect(check).toMatchObject({
      problems: [],
      state: "ok",
      figure: expect.stringMatching(/^1 export imported, 9 tables, \d\d rows$/),
    });
    expect(leftovers()).toEqual([]);
  });

  test("fail by their name where they are damaged, and are not proved where the dump cannot be restored", async () => {
    const copy = copyOf(store);
    const zip = path.join(copy.run, "portable/main/portable.zip");
    const bytes = readFileSync(zip);
    execFileSync("chmod", ["u+w", zip]);
    writeFileSync(zip, bytes.subarray(0, bytes.length - 300));
    expect(await deep(copy.store, "portable_import")).toMatchObject({
      state: "failed",
      problems: [{ path: "portable/main/portable.zip" }],
    });
    writeFileSync(zip, bytes);
    const [dump = ""] = readdirSync(path.join(copy.run, "db")).filter((file) => /\.(dump|sql\.gz|db)$/.test(file));
    const file = path.join(copy.run, "db", dump);
    writeFileSync(file, readFileSync(file).subarray(0, 200));
    expect(await deep(copy.store, "portable_import")).toMatchObject({
      state: "not proved",
      figure: expect.stringMatching(/main: no restored dump has its tables$/),
    });
  });
});

describe("a site with SQLite and compiled texts", () => {
  let directory: string;
  let store: string;

  beforeAll(async () => {
    directory = makeTemp();
    const site = makeSite(directory, { projects: 3 });
    site.write(
      "clara_compiled/1/lost.html",
      '<img src="/accounts/projects/serve_project_image/Project_1/never there.png">\n',
    );
    store = await backUp(site);
  });
  afterAll(() => removeTree(directory));

  test("the database is restored and compared", async () => {
    expect(await deep(store, "database_restore")).toMatchObject({
      state: "ok",
      figure: expect.stringMatching(/^1 dump restored, 3 tables, \d+ rows$/),
    });
    const copy = copyOf(store);
    edit(path.join(copy.run, "db/db.sqlite3/metadata.json"), (text) =>
      text.replace(/(auth_user": \{\s*"rows": )1/, "$12"),
    );
    expect(await deep(copy.store, "database_restore")).toMatchObject({ state: "failed" });
  });

  test("pages open, and what was missing on the site already is a note", async () => {
    const check = await deep(store, "compiled_pages");
    expect(check.problems).toEqual([]);
    expect(check.figure).toMatch(/^3 bundles, 6 pages opened, [4-9] media files requested$/);
    expect(check.notes?.map(({ message }) => message)).toEqual([
      expect.stringMatching(/never there\.png was missing on the site already$/),
    ]);
    expect(leftovers()).toEqual([]);
  });

  test("a file of sound that the bundle has lost is found by the page that names it", async () => {
    const copy = copyOf(store);
    const zip = path.join(copy.run, "compiled_exports/1/compiled_normal.zip");
    const [entry = ""] = execFileSync("unzip", ["-Z1", zip], { encoding: "utf8" })
      .split("\n")
      .filter((name) => name.endsWith(".mp3"));
    execFileSync("zip", ["-qd", zip, entry]);
    const check = await deep(copy.store, "compiled_pages");
    expect(check.state).toBe("failed");
    expect(check.problems).toEqual([
      {
        path: "compiled_exports/1/compiled_normal.zip",
        message: `page_1.html names ${entry}, which the bundle does not hold`,
      },
    ]);
  });

  test.skipIf(process.getuid?.() !== 0)("the browser has no rights, no secrets, and leaves nothing", async () => {
    const base = tempDirectory("hf-"); // short: a socket of Chromium's lies below it
    const [temporary, mark, program] = ["tmp", "mark", "chromium"].map((name) => path.join(base, name));
    mkdirSync(temporary ?? "", { mode: 0o777 });
    writeFileSync(mark ?? "", "");
    const report = `{ id -u; printf '%s\\n' "$@"; env; echo "TMPDIR is $(stat -c %a:%u "$TMPDIR")"; } >>${mark}`;
    // What a page might have started: it neither ends by itself nor by SIGTERM, and writes into the browser's directory.
    const stays = `(trap '' TERM; echo "stays $(sh -c 'echo $PPID')" >>${mark}; while sleep 1; do mkdir -p "$HOME/again"; done) &`;
    writeFileSync(program ?? "", `#!/bin/sh\n${report}\n${stays}\nexec chromium "$@"\n`);
    for (const file of [base, temporary, mark, program]) chmodSync(file ?? "", 0o777);
    const before = { TMPDIR: process.env["TMPDIR"] };
    Object.assign(process.env, { TMPDIR: temporary, DATABASE_PASSWORD: "hunter2" });
    try {
      expect(await deep(store, "compiled_pages", { chromium: program ?? "" })).toMatchObject({ state: "ok" });
    } finally {
      if (before.TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before.TMPDIR;
      delete process.env["DATABASE_PASSWORD"];
    }
    const said = readFileSync(mark ?? "", "utf8");
    expect(said.split("\n")[0]).toBe("65534");
    expect(said).not.toMatch(/no-sandbox|hunter2/);
    expect(said).toContain("TMPDIR is 700:65534");
    const pids = [...said.matchAll(/^stays (\d+)$/gm)].map(([, pid]) => pid ?? "");
    expect(pids.length).toBeGreaterThan(0);
    await eventually("they are gone", () => !pids.some((pid) => existsSync(`/proc/${pid}`)));
    const [, used = ""] = /^TMPDIR=(.*)$/m.exec(said) ?? [];
    expect(path.dirname(used)).toBe(temporary);
    expect(readdirSync(temporary ?? "")).toEqual([]);
  });

  test("without a browser nothing is proved", async () => {
    expect(await deep(store, "compiled_pages", { chromium: null })).toMatchObject({
      state: "not proved",
      ok: true,
      figure: expect.stringContaining("chromium is not installed"),
    });
    expect(await deep(store, "compiled_pages", { chromium: "/bin/false" })).toMatchObject({ state: "not proved" });
  });

  test("nothing of it without --deep", async () => {
    const { checks } = await verify({ store, run: "latest", quick: false }, { signal });
    expect(checks.map(({ id }) => id)).not.toContain("compiled_pages");
    expect(existsSync(path.join(store, "evidence"))).toBe(true);
    rmSync(path.join(store, "evidence"), { recursive: true });
  });
});
