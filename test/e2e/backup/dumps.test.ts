/** Dumps by the server's own tools: brought back by the guide alone, and not believed when the tool says that all is well. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  eventually,
  failuresOf,
  faultsOf,
  indexOf,
  processesWith,
  restoreScript,
  startBackup,
} from "../../support/runs/backup.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

const SCHEMA = `
  create table clara_app_claraproject (id integer primary key, internal_id varchar(100) not null);
  insert into clara_app_claraproject values (1, 'Project_1'), (2, 'Project_2'), (3, 'Project_3');
  create table pages (id integer primary key, text varchar(1000));`;

describe.each([
  { name: "PostgreSQL", start: acquirePostgres, owner: "set role clara;", program: "pg_dump" },
  { name: "MariaDB", start: acquireMariadb, owner: "", program: "mariadb-dump|mysqldump" },
])("a site on $name", ({ name, start, owner, program }) => {
  let server: TestServer;
  let site: TestSite;
  let directory: string;

  beforeAll(async () => {
    directory = makeTemp("holdfast-e2e-");
    server = await start();
    const rows = Array.from({ length: 3000 }, (_, id) => `(${id}, '${`text ${id} `.repeat(20)}')`);
    await server.sql(`${owner}${SCHEMA} insert into pages values ${rows.join(",")};`);
    writeFileSync(join(directory, "password"), server.password, { mode: 0o600 });
    site = makeSite(directory, {
      config: {
        database: `database: { name: main, url: "${server.url}", password_file: ${join(directory, "password")} }`,
        projects: `projects:\n  query: select id, internal_id from clara_app_claraproject\n  source: { path: "clara_content/{internal_id}" }`,
        audio_cache: "",
        snapshots: "",
        infra: "",
      },
    });
  });
  afterAll(async () => {
    await server.release();
    removeTree(directory);
  });

  test("is restored by the commands of RESTORE.md on another server", async () => {
    const run = await backUp(site);
    const other = await start();
    try {
      await other.sql("drop database clara", name === "MariaDB" ? "mysql" : "postgres");
      const home = join(directory, "home");
      mkdirSync(home);
      const user = name === "MariaDB" ? "root" : "postgres";
      writeFileSync(
        join(home, ".my.cnf"),
        `[client]\nhost=127.0.0.1\nport=${other.port}\nuser=${user}\npassword="${other.superuserPassword}"\n`,
        { mode: 0o600 },
      );
      execFileSync("bash", ["-c", restoreScript(run.path, join(directory, "restored"))], {
        cwd: run.path,
        stdio: ["ignore", "ignore", "pipe"],
        env: {
          ...process.env,
          HOME: home,
          PGHOST: "127.0.0.1",
          PGPORT: `${other.port}`,
          PGUSER: user,
          PGPASSWORD: other.superuserPassword,
        },
      });
      expect(Number(await other.sql("select count(*) from pages", "clara"))).toBe(3000);
    } finally {
      await other.release();
    }
  });

  /** Puts `action` in the place of the dump program, and lets every other program through. */
  const faking = (action: string): { config: string; dest: string } => {
    const wrapper = join(directory, "wrapper.sh");
    writeFileSync(
      wrapper,
      `#!/bin/bash\ncase "$*" in\n  *--version*) exec "$@" ;;\nesac\nfor word; do\n  case "$(basename -- "$word")" in\n    ${program}) ${action} ;;\n  esac\ndone\nexec "$@"\n`,
      { mode: 0o755 },
    );
    const config = join(directory, "faking.yaml");
    execFileSync("bash", [
      "-c",
      `(cat "$1"; echo; echo "exec_prefix: [$2]") > "$3"`,
      "-",
      site.config,
      wrapper,
      config,
    ]);
    return { config, dest: site.dest };
  };

  test.each([
    ["fails halfway", '"$@" | head -c 3000; echo "connection lost" >&2; exit 1'],
    ["is cut short and ends well", '"$@" | head -c 3000; exit 0'],
    ["writes nothing and ends well", "exit 0"],
    ["writes something else and ends well", "echo all is well; exit 0"],
  ])("when the dump %s, the database failed and the files are there: exit 3", async (_what, action) => {
    const run = await backUp(faking(action), [], { code: 3 });
    expect(failuresOf(run.path)).toEqual([
      expect.objectContaining({ step: "db", unit: "main", last_good_run: expect.any(String) as string }),
    ]);
    expect(indexOf(run.path, "db")).toEqual([]);
    expect(indexOf(run.path, "source_exports")).toHaveLength(3);
    expect(faultsOf(run.path)).toEqual([]);
    expect(
      execFileSync("find", [join(run.path, "db"), "-type", "f"], { encoding: "utf8" })
        .trim()
        .split("\n")
        .map((file) => file.slice(run.path.length + 4))
        .toSorted(),
    ).toEqual(["failures.json", "index.json"]);
  });

  test("a dump that hangs ends with the run, by SIGTERM", async () => {
    const marker = `9${process.pid}97`;
    const { child, done } = startBackup(faking(`sleep ${marker}; exit 1`));
    await eventually("the dump hangs", () => processesWith(`sleep\0${marker}`).length > 0);
    child.kill("SIGTERM");
    const { code, stderr } = await done;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringContaining("interrupted by SIGTERM") as string,
    });
    await eventually(
      "nothing is left",
      () => processesWith(`sleep\0${marker}`).length === 0 && processesWith(site.dest).length === 0,
    );
  });
});
