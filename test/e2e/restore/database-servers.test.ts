/** Sites on database servers, brought back: in place with a way back, to another server, and after kills. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backUp, isMessage, readJson, rest, startBuilt, type Summary } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { StartedScript } from "../../support/commands/run.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

const SCHEMA = `
  create table clara_app_claraproject (id integer primary key, internal_id varchar(100) not null);
  insert into clara_app_claraproject values (1, 'Project_1'), (2, 'Project_2'), (3, 'Project_3');
  create table django_migrations (id integer primary key, app varchar(50), name varchar(50));
  insert into django_migrations values (1, 'clara_app', '0001_initial');
  create table pages (id integer primary key, text varchar(1000));
  create DEFINER view long_pages as select id from pages where id > 10;`;

describe.each([
  {
    name: "PostgreSQL",
    start: acquirePostgres,
    owner: "set role clara;",
    definer: "",
    admin: "alter role clara createdb",
  },
  {
    name: "MariaDB",
    start: acquireMariadb,
    owner: "",
    definer: "definer = clara@localhost",
    admin: "grant all on *.* to clara@localhost with grant option",
  },
])("a site on $name", ({ name, start, owner, definer, admin }) => {
  let server: TestServer;
  let directory: string;
  let site: TestSite;
  let run: Summary;

  beforeAll(async () => {
    directory = makeTemp("holdfast-e2e-");
    server = await start();
    await server.sql(admin, name === "MariaDB" ? "mysql" : "postgres");
    const rows = Array.from({ length: 2000 }, (_, id) => `(${id}, '${`text ${id} `.repeat(20)}')`);
    await server.sql(`${owner}${SCHEMA.replace("DEFINER", definer)} insert into pages values ${rows.join(",")};`);
    writeFileSync(join(directory, "password"), server.password, { mode: 0o600 });
    for (const script of ["stop", "start", "smoke", "migrate"]) program(script, "true");
    site = makeSite(directory, {
      config: {
        database: `database: { name: main, url: "${server.url}", password_file: ${join(directory, "password")}, digests: true, migrate: [${directory}/migrate], migrations_wanted: [cat, ${directory}/wanted] }`,
        health: `health: { smoke: [${directory}/smoke], service: { stop: [${directory}/stop], start: [${directory}/start] } }`,
        projects: `projects:\n  query: select id, internal_id from clara_app_claraproject\n  source: { path: "clara_content/{internal_id}" }`,
        infra: "",
      },
    });
    writeFileSync(join(directory, "wanted"), "[X]  clara_app.0001_initial\n");
    await rest();
    run = await backUp(site);
  });
  afterAll(async () => {
    await server.release();
    removeTree(directory);
  });

  /** A command of the site, which writes down that it ran. */
  const program = (script: string, action: string): void => {
    writeFileSync(join(directory, script), `#!/bin/sh\necho ${script} >> ${directory}/calls\n${action}\n`);
    chmodSync(join(directory, script), 0o755);
  };
  const calls = (): string[] => {
    const file = join(directory, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    rmSync(file, { force: true });
    return lines;
  };
  const flags = () => ["--config", site.config, "--dest", site.dest, "--json"];
  const IN_PLACE = ["--in-place", "--yes"];
  const restore = async (...args: string[]) => await runInProcess("restore", [...flags(), ...args]);
  const inPlace = async (...args: string[]) => await restore(...IN_PLACE, ...args);
  const errorOf = (json: readonly unknown[]) =>
    json.find((line) => isMessage(line) && line.message_type === "exit_error");
  const pages = async (): Promise<number> => Number(await server.sql("select count(*) from pages"));
  const journal = () => {
    const names = readdirSync(join(site.dest, "restores")).toSorted();
    return readJson<{ phase: string; swap: string; restore: string; safety_run: string | null }>(
      join(site.dest, "restores", names.at(-1) ?? ""),
    );
  };
  /** Nothing of a restore is left on the server or beside the site. */
  const leftovers = async (): Promise<string[]> => [
    ...(await server.sql(name === "MariaDB" ? "show databases" : "select datname from pg_database"))
      .split("\n")
      .filter((one) => /_(new|old)_\d/.test(one)),
    ...[directory, site.root, join(site.root, "clara_content")]
      .flatMap((one) => readdirSync(one))
      .filter((one) => one.startsWith(".holdfast-restore")),
  ];
  const spoil = async (): Promise<void> => {
    await server.sql("delete from pages where id >= 100");
    site.write("clara_content/Project_1/texts/text 1.txt", "spoilt");
  };
  const text = (): string => readFileSync(join(site.root, "clara_content/Project_1/texts/text 1.txt"), "utf8");

  test("the digest of each table is recorded, and a restore that would bring other content is refused", async () => {
    const file = join(run.path, "db/main/metadata.json");
    const tables = readJson<{ tables: Record<string, { digest?: string }> }>(file).tables;
    const key = name === "MariaDB" ? "pages" : "public.pages";
    expect(tables[key]?.digest).toMatch(/^[0-9a-f]{64}$/);
    const whole = readFileSync(file, "utf8");
    const sums = join(run.path, "SHA256SUMS");
    const recorded = readFileSync(sums, "utf8");
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    const changed = whole.replace(tables[key]?.digest ?? "", "0".repeat(64));
    writeFileSync(file, changed);
    writeFileSync(sums, recorded.replace(sha256(whole), sha256(changed)));
    try {
      const { code, stderr } = await inPlace();
      expect({ code, stderr }).toEqual({
        code: 13,
        stderr: expect.stringContaining(`${key} has other content`) as string,
      });
      expect(await leftovers()).toEqual([]);
      writeFileSync(sums, recorded);
      const unrecorded = await inPlace();
      expect({ code: unrecorded.code, stderr: unrecorded.stderr }).toEqual({
        code: 13,
        stderr: expect.stringContaining("db/main/metadata.json is not what was recorded") as string,
      });
    } finally {
      writeFileSync(file, whole);
      writeFileSync(sums, recorded);
    }
  });

  test("in place: rows and trees are those of the run, the service was stopped, and --rollback brings back what was there", async () => {
    const original = text();
    await spoil();
    calls();
    const { code, stderr, stdout } = await inPlace();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain('"schema":"exact"');
    expect(await pages()).toBe(2000);
    expect(Number(await server.sql("select count(*) from long_pages"))).toBe(1989);
    expect(text()).toBe(original);
    expect(calls()).toEqual(["stop", "start", "smoke"]);
    expect((await inPlace()).code).toBe(1);
    const back = await restore("--rollback");
    expect(back.code, back.stderr).toBe(0);
    expect(await pages()).toBe(100);
    expect(text()).toBe("spoilt");
    expect(await leftovers()).toEqual([]);
    expect(calls()).toEqual(["stop", "start"]);
    expect(await inPlace()).toMatchObject({ code: 0, stderr: "" });
    expect((await restore("--confirm")).code).toBe(0);
    expect(await leftovers()).toEqual([]);
    expect({ pages: await pages(), text: text() }).toEqual({ pages: 2000, text: original });
    calls();
  });

  test("clients that are connected are no hindrance", async () => {
    const sleeper = ["-X", "-d", server.urlWithPassword, "-c", "select pg_sleep(60)"];
    const client = name === "MariaDB" ? undefined : execa("psql", sleeper, { reject: false });
    await sleep(300);
    await spoil();
    expect(await inPlace()).toMatchObject({ code: 0, stderr: "" });
    if (client !== undefined) expect((await client).exitCode).not.toBe(0);
    expect((await restore("--confirm")).code).toBe(0);
    expect(await pages()).toBe(2000);
  });

  test.each([
    ["migrate", 1],
    ["start", 1],
    ["smoke", 1],
  ])("a failing %s command takes everything back", async (script, exit) => {
    await spoil();
    writeFileSync(join(directory, "wanted"), "clara_app.0001_initial\nclara_app.0002_more\n");
    program(
      script,
      script === "start" ? `[ -e ${directory}/started ] || { touch ${directory}/started; exit 1; }` : "exit 1",
    );
    try {
      const { code, json } = await inPlace();
      expect({ code, error: errorOf(json) }).toEqual({
        code: exit,
        error: expect.objectContaining({ error_code: "E_COMMAND" }) as unknown,
      });
      expect(journal()).toMatchObject({ phase: "rolled_back", swap: "undone" });
      expect({ pages: await pages(), text: text() }).toEqual({ pages: 100, text: "spoilt" });
      expect(await leftovers()).toEqual([]);
      expect(calls().at(-1)).toBe("start");
    } finally {
      program(script, "true");
      writeFileSync(join(directory, "wanted"), "clara_app.0001_initial\n");
    }
  });

  test("an older schema is migrated, a newer one is exit 14 and changes nothing", async () => {
    await spoil();
    writeFileSync(join(directory, "wanted"), "[X] clara_app.0001_initial\n[ ] clara_app.0002_more (5 squashed)\n");
    const older = await inPlace("--dry-run");
    expect(older.stdout).toContain('"migrations_to_run":["clara_app.0002_more"]');
    calls();
    expect(await inPlace()).toMatchObject({ code: 0, stderr: "" });
    expect(calls()).toEqual(["stop", "migrate", "start", "smoke"]);
    expect((await restore("--rollback")).code).toBe(0);
    writeFileSync(join(directory, "wanted"), "clara_app.0000_zero\n");
    const newer = await inPlace();
    expect({ code: newer.code, error: errorOf(newer.json) }).toEqual({
      code: 14,
      error: expect.objectContaining({ error_code: "E_SCHEMA" }) as unknown,
    });
    expect(await pages()).toBe(100);
    expect((await inPlace("--allow-newer-schema")).code).toBe(0);
    expect((await restore("--rollback")).code).toBe(0);
    writeFileSync(join(directory, "wanted"), "clara_app.0001_initial\n");
  });

  test("a damaged dump is exit 13, and nothing is changed", async () => {
    await spoil();
    const dump = readdirSync(join(run.path, "db")).find((one) => /\.(dump|sql\.gz)$/.test(one)) ?? "";
    const whole = readFileSync(join(run.path, "db", dump));
    const spoilt = Buffer.from(whole);
    spoilt[spoilt.length >> 1] = (spoilt[spoilt.length >> 1] ?? 0) ^ 1;
    writeFileSync(join(run.path, "db", dump), spoilt);
    try {
      expect((await inPlace()).code).toBe(13);
      expect({ pages: await pages(), text: text(), left: await leftovers() }).toEqual({
        pages: 100,
        text: "spoilt",
        left: [],
      });
    } finally {
      writeFileSync(join(run.path, "db", dump), whole);
    }
  });

  test("to a directory the dump comes as a file; --database loads it into another server", async () => {
    const to = join(directory, "to");
    expect((await restore("--to", to)).code).toBe(0);
    expect(readdirSync(join(to, ".holdfast/db"))).toHaveLength(1);
    rmSync(to, { recursive: true });
    const other = await start();
    try {
      const url = other.superuserUrl.replace(/\/\w+$/, "/fresh");
      const result = await restore("--to", to, "--database", url);
      expect(result.code, result.stderr).toBe(0);
      expect(Number(await other.sql("select count(*) from pages", "fresh"))).toBe(2000);
    } finally {
      await other.release();
      rmSync(to, { recursive: true, force: true });
    }
  });

  test("on a new host: neither the site nor the database is there", async () => {
    const maintenance = name === "MariaDB" ? "mysql" : "postgres";
    await server.sql("drop database clara", maintenance);
    removeTree(site.root);
    const { code, stderr } = await inPlace();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect({ pages: await pages(), text: text() }).toEqual({
      pages: 2000,
      text: expect.stringContaining("Project_1") as string,
    });
    expect((await restore("--confirm")).code).toBe(0);
    expect(await leftovers()).toEqual([]);
  });

  test("SIGTERM and SIGKILL at many instants: wholly old or, recovered, wholly new", async () => {
    // A process, as those that are killed: it takes longer than the same command in the test's own.
    const restoring = (): StartedScript => startBuilt("restore", [...flags(), ...IN_PLACE]);
    const started = Date.now();
    await spoil();
    expect(await restoring().done).toMatchObject({ code: 0, stderr: "" });
    const lasts = Date.now() - started;
    expect((await restore("--rollback")).code).toBe(0);
    const seen = new Set<string>();
    for (let part = 1; part <= 8; part++) {
      const signal = part % 3 === 0 ? "SIGTERM" : "SIGKILL";
      const { child, done } = restoring();
      await sleep((lasts * part) / 8.5);
      child.kill(signal);
      const { code } = await done;
      const { phase, swap, restore: id } = journal();
      // null: it was so young that it heard no signal yet
      if (signal === "SIGTERM") expect([0, 130, null]).toContain(code);
      const pending = !["completed", "failed", "rolled_back"].includes(phase);
      if (pending) {
        expect((await restore("--dry-run", "--in-place")).code).toBe(1);
        const recovered = await restore("--recover", id);
        expect(recovered.code, `${part} ${phase} ${swap} ${recovered.stderr}`).toBe(0);
      }
      const after = journal();
      const now = { pages: await pages(), text: text() };
      seen.add(`${swap} → ${after.phase}`);
      if (after.phase === "completed") {
        expect(now, `${part} ${phase} ${swap}`).toEqual({
          pages: 2000,
          text: expect.not.stringMatching("spoilt") as string,
        });
        expect((await restore("--rollback")).code).toBe(0);
      } else expect(now, `${part} ${phase} ${swap}`).toEqual({ pages: 100, text: "spoilt" });
      expect(await leftovers(), `${part} ${phase} ${swap}`).toEqual([]);
    }
    expect(seen.size).toBeGreaterThan(1);
    execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: run.path });
  }, 300_000);
});
