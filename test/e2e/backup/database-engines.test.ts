/** A whole site on each kind of server: its rows name the projects, its dump holds what it holds, its password stays unseen. */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manifestSchema } from "../../../lib/model/run.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";
import { execa } from "execa";

const SCHEMA = `
  create table auth_user (id integer primary key, username varchar(50) not null unique);
  insert into auth_user values (1, 'anna');
  create table clara_app_claraproject (id integer primary key, internal_id varchar(100) not null, title varchar(100) not null,
    l2 varchar(10), l1 varchar(10), user_id integer references auth_user(id));
  insert into clara_app_claraproject values
    (1, 'Project_1', 'Le petit prince', 'fr', 'en', 1), (2, 'Project_2', 'Error', 'fr', 'en', 1), (3, 'Project_3', 'Ünïcode 🙂', 'fr', 'en', 1);
  create table django_migrations (id integer primary key, app varchar(50) not null, name varchar(50) not null, applied varchar(50) not null);
  insert into django_migrations values (1, 'clara_app', '0001_initial', '2026-01-01 00:00:00');
  create table empty_table (id integer primary key);`;

const QUERY =
  "select p.id, p.internal_id, p.title, p.l2, p.l1, u.username as owner, null as updated_at from clara_app_claraproject p left join auth_user u on u.id = p.user_id";

interface Engine {
  readonly name: string;
  readonly dump: RegExp;
  /** Makes what follows the ordinary user's own. */
  readonly asOwner: string;
  start(): Promise<TestServer>;
  /** Restores a dump into a new database and gives the titles in it. */
  restoredTitles(server: TestServer, dump: string): Promise<string>;
}

const ENGINES: readonly Engine[] = [
  {
    name: "postgresql",
    dump: /^db\/test_db_\d{8}_\d{6}\.dump$/,
    asOwner: "set role clara;",
    start: acquirePostgres,
    restoredTitles: async (server, dump) => {
      const database = await server.createDatabase("restored");
      execFileSync("pg_restore", ["--exit-on-error", "--no-owner", "-d", withPassword(server, database), dump]);
      return await server.sql("select title from clara_app_claraproject order by id", database);
    },
  },
  {
    name: "mariadb",
    dump: /^db\/test_db_\d{8}_\d{6}\.sql\.gz$/,
    asOwner: "",
    start: acquireMariadb,
    restoredTitles: async (server, dump) => {
      const database = await server.createDatabase("restored");
      const sql = await execa("gunzip", ["-c"], { inputFile: dump, maxBuffer: 1e9 });
      await server.sql(sql.stdout, database);
      return await server.sql("select title from clara_app_claraproject order by id", database);
    },
  },
];

const withPassword = (server: TestServer, database: string): string =>
  server.urlOf(database).replace("://clara@", `://clara:${server.password}@`);

describe.each(ENGINES)("a site on $name", (engine) => {
  let server: TestServer;
  let site: TestSite;
  let directory: string;

  beforeAll(async () => {
    directory = makeTemp();
    server = await engine.start();
    await server.sql(`${engine.asOwner}${SCHEMA}`);
    const passwordFile = path.join(directory, "password");
    writeFileSync(passwordFile, `${server.password}\n`, { mode: 0o600 });
    site = makeSite(directory, {
      config: {
        site: "site: test",
        database: `database:\n  name: main\n  url: ${server.url}\n  password_file: ${passwordFile}`,
        projects: `projects:\n  query: ${QUERY}\n  source: { path: "clara_content/{internal_id}" }`,
        ignore: "ignore: [clara_compiled*, db.sqlite3]",
      },
    });
  });

  afterAll(async () => {
    await server.release();
    removeTree(directory);
  });

  test("is backed up whole, and the dump brings back its rows", async () => {
    const result = await runInProcess("backup_all", [
      "--config",
      site.config,
      "--dest",
      site.dest,
      "--json",
      "--verbose",
    ]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const latest = path.join(site.dest, "latest");
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(path.join(latest, "manifest.json"), "utf8")));
    expect(manifest.status).toBe("complete");
    expect(manifest.steps["source_exports"]).toMatchObject({ expected: 3, units: 3, failed: 0 });
    const [unit] = manifest.steps["db"]?.metadata ?? [];
    expect(unit).toMatchObject({ unit: "main", migrations: { tool: "Django", applied: ["clara_app.0001_initial"] } });
    const tables = Object.entries(unit?.["tables"] ?? {}).map(([name, count]) => [
      name.replace(/^public\./, ""),
      count,
    ]);
    expect(Object.fromEntries(tables)).toEqual({
      auth_user: { rows: 1, exact: true },
      clara_app_claraproject: { rows: 3, exact: true },
      django_migrations: { rows: 1, exact: true },
      empty_table: { rows: 0, exact: true },
    });
    const dump = unit?.artifacts[0]?.path ?? "";
    expect(dump).toMatch(engine.dump);
    expect(manifest.moments.database).not.toBeNull();
    expect(await engine.restoredTitles(server, path.join(latest, dump))).toBe("Le petit prince\nError\nÜnïcode 🙂");
    const found = await execa("grep", ["-rlF", "-e", server.password, `${latest}/`], { reject: false });
    expect(found).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stdout).not.toContain(server.password);
  });

  test("with a wrong password the database is a failure, its projects too, and the files are backed up all the same", async () => {
    const wrong = path.join(directory, "wrong");
    writeFileSync(wrong, "not-the-password-of-the-server\n");
    const config = path.join(directory, "wrong.yaml");
    writeFileSync(config, readFileSync(site.config, "utf8").replace(/password_file: .*/, `password_file: ${wrong}`));
    const latest = readlinkSync(path.join(site.dest, "latest"));
    const result = await runInProcess("backup_all", ["--config", config, "--dest", site.dest, "--json"]);
    expect(result.code).toBe(3);
    expect(readlinkSync(path.join(site.dest, "latest"))).toBe(latest); // it lost what that one holds
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(path.join(site.dest, "last/manifest.json"), "utf8")));
    const failed = manifest.failures.map(({ step, code }) => `${step} ${code}`);
    expect(failed).toEqual(["db E_DATABASE", "source_exports E_PROJECTS"]);
    expect(manifest.failures[0]?.last_good_run).toMatch(/^\d{8}T\d{6}Z$/);
    expect(manifest.steps["legacy_zips"]?.status).toBe("complete");
    expect(result.stdout + result.stderr).not.toContain("not-the-password-of-the-server");
  });
});
