/** `doctor` of databases on servers: programs, rights of a dump, rights of a restore. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

interface Check {
  readonly id: string;
  readonly state: string;
  readonly figure: string;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly hint: string | null;
}

let server: TestServer;

/** Makes a site with the server's database, and programs that stand before those of the host. */
function makePlace(url: string, programs: Readonly<Record<string, string>> = {}): TestSite {
  const directory = tempDirectory();
  const bin = path.join(directory, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  writeFileSync(path.join(directory, "password"), `${server.password}\n`);
  const prefix = Object.keys(programs).length === 0 ? "" : `exec_prefix: [env, "PATH=${bin}:/usr/bin:/bin"]\n`;
  const database = `${prefix}database: { url: "${url}", name: main, password_file: ${directory}/password }`;
  return makeSite(directory, { projects: 1, config: { database, projects: "" } });
}

async function check(id: string, site: TestSite): Promise<Check> {
  const result = await runInProcess("doctor", ["--config", site.config, "--json"]);
  expect(result.stdout + result.stderr).not.toContain(server.password);
  const { checks } = result.json.at(-1) as { checks: Check[] };
  const found = checks.find((one) => one.id === id);
  if (found === undefined) throw new Error(result.stdout + result.stderr);
  return found;
}

const ok = (figure: RegExp) => ({
  state: "ok",
  problems: [],
  hint: null,
  figure: expect.stringMatching(figure) as string,
});

describe("PostgreSQL", () => {
  beforeAll(async () => {
    server = await acquirePostgres();
    await server.sql(
      `set role clara; create table open (id int); reset role;
       create schema other; create table other.closed (id int); create sequence counted;
       create role reader login password '${server.password}'`,
    );
  });
  afterAll(async () => await server.release());

  const as = (user: string): string => server.url.replace("clara@", `${user}@`);

  test("the programs of the server's own version", async () => {
    expect(await check("database_programs", makePlace(server.url))).toMatchObject(
      ok(/^main: PostgreSQL \d+\.\d+.*, pg_dump \d+\.\d+$/),
    );
  });

  test.each([
    ["older", "echo 'pg_dump (PostgreSQL) 9.6.1'", "fail", /^pg_dump 9 cannot dump a PostgreSQL \d+ server$/],
    ["newer", "echo 'pg_dump (PostgreSQL) 99.1'", "warn", /^dumped with pg_dump 99 from a PostgreSQL \d+ server/],
    ["broken", "exit 3", "fail", /ended with status 3/],
  ])("a pg_dump that is %s", async (_, script, state, message) => {
    const found = await check("database_programs", makePlace(server.url, { pg_dump: script }));
    expect(found).toMatchObject({ state, problems: [{ path: "main" }] });
    expect(found.problems[0]?.message).toMatch(message);
    if (state !== "fail" || script.startsWith("echo"))
      expect(found.hint).toMatch(/^apt-get install postgresql-client-\d+$/);
  });

  test("tables and sequences that the user may not read; with pg_read_all_data, none", async () => {
    expect(await check("dump_rights", makePlace(as("reader")))).toMatchObject({
      state: "fail",
      problems: [{ path: "main", message: "reader may not read other.closed, public.counted, public.open" }],
      hint: 'as an administrator: grant pg_read_all_data to "reader"',
    });
    await server.sql("grant pg_read_all_data to reader");
    expect(await check("dump_rights", makePlace(as("reader")))).toMatchObject(ok(/^main: as reader$/));
  });

  test("rows that a policy hides", async () => {
    await server.sql("grant pg_read_all_data to reader; alter table open enable row level security");
    expect((await check("dump_rights", makePlace(as("reader")))).problems).toMatchObject([
      { message: "reader may not read public.open" },
    ]);
    await server.sql("alter table open disable row level security");
  });

  test("the right to create databases", async () => {
    const closed = await check("restore_rights", makePlace(server.url));
    expect(closed).toMatchObject({ state: "warn", problems: [{ message: "clara may not create databases" }] });
    expect(closed.hint).toBe('as an administrator: alter role "clara" createdb');
    await server.sql("alter role clara createdb");
    expect(await check("restore_rights", makePlace(server.url))).toMatchObject(ok(/^main: as clara$/));
  });

  test("a server that does not answer fails each check of it, and no other", async () => {
    const site = makePlace("postgresql://clara@127.0.0.1:1/clara");
    for (const id of ["database_programs", "dump_rights", "restore_rights"])
      expect(await check(id, site)).toMatchObject({ state: "fail", problems: [{ path: "main" }] });
    expect(await check("tools", site)).toMatchObject({ state: "ok" });
  });
});

describe("MariaDB", () => {
  beforeAll(async () => {
    server = await acquireMariadb();
    await server.sql("create table open (id int); create table closed (id int)");
  });
  afterAll(async () => await server.release());

  let count = 0;
  let user: string;
  const grant = async (what: string): Promise<string> => await server.sql(`grant ${what} to ${user}@'%'`);
  const place = (programs?: Readonly<Record<string, string>>): TestSite =>
    makePlace(server.url.replace("clara@", `${user}@`), programs);

  beforeEach(async () => {
    user = `doctor_${++count}`;
    await server.sql(`create user ${user}@'%' identified by '${server.password}'`);
  });

  test("the programs of the server's own version", async () => {
    await grant("select on clara.*");
    expect(await check("database_programs", place())).toMatchObject(ok(/^main: mariadb \d+\.\d+.*, mariadb-dump .*\d/));
  });

  test.each([
    [
      "older",
      "echo 'mariadb-dump  Ver 10.13 Distrib 10.0.38-MariaDB, for Linux'",
      "warn",
      / is older than the mariadb server /,
    ],
    [
      "MySQL's",
      "echo 'mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL)'",
      "warn",
      /^dumped from a mariadb server with /,
    ],
    ["broken", "exit 3", "fail", /ended with status/],
  ])("a dump program that is %s", async (_, script, state, message) => {
    await grant("select on clara.*");
    const found = await check("database_programs", place({ "mariadb-dump": script, mysqldump: script }));
    expect(found).toMatchObject({ state, problems: [{ path: "main" }] });
    expect(found.problems[0]?.message).toMatch(message);
  });

  test("without the right to read a table: a fault; with all that docs/operations.md names: ok", async () => {
    await grant("select on clara.open");
    const closed = await check("dump_rights", place());
    expect(closed.state).toBe("fail");
    expect(closed.problems.map(({ message }) => message.replace(/ \(as an.*/, ""))).toEqual([
      "without the SELECT privilege on the whole database, tables that the user cannot read are missing from the dump",
      "without the SHOW VIEW privilege the dump fails",
      "without the EVENT privilege the dump fails",
      "without the TRIGGER privilege, its triggers are missing from the dump",
      "without a privilege on routines, procedures and functions of other users are missing from the dump",
      "without the LOCK TABLES privilege the rows are counted in the dump alone",
    ]);
    expect(closed.hint).toBe(
      `as an administrator: grant select, lock tables, show view, trigger, event on \`clara\`.* to \`${user}\`@\`%\``,
    );
    await grant("select, lock tables, show view, trigger, event on clara.*");
    await grant("select on mysql.proc");
    expect(await check("dump_rights", place())).toMatchObject(ok(/^main: as /));
  });

  test("without rights that only lose parts: a warning", async () => {
    await grant("select, show view, event on clara.*");
    expect(await check("dump_rights", place())).toMatchObject({ state: "warn" });
  });

  test("the rights on the databases that a restore creates", async () => {
    await grant("all on clara.*");
    const closed = await check("restore_rights", place());
    expect(closed).toMatchObject({ state: "warn", problems: [{ path: "main" }] });
    const statement = closed.hint?.replace("as an administrator: ", "") ?? "";
    expect(statement).toBe(`grant all on \`clara\\_%\`.* to \`${user}\`@\`%\``);
    await server.sql(statement);
    expect(await check("restore_rights", place())).toMatchObject(ok(/^main: as /));
  });
});
