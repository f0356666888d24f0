/** The database servers of the tests themselves: as new for each file, with passwords that are asked for, never left behind. */
import { connect } from "node:net";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { eventually } from "../../support/runs/backup.ts";
import { PROJECT, startProgram } from "../../support/commands/run.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";

const ENGINES = [
  {
    name: "PostgreSQL",
    acquire: acquirePostgres,
    mess: [
      "create role left_over superuser; create role member in role left_over; alter role postgres set work_mem = '1MB'",
      'create table t (id int); alter table t owner to left_over; create database "a b" is_template true',
      "alter system set work_mem = '2MB'",
    ],
    listing: `select datname from pg_database union select rolname from pg_roles
      union select name || setting from pg_settings where name = 'work_mem'`,
    login: (server: TestServer, user: string, password: string) =>
      execa(
        "psql",
        ["-Xqw", "-h", "127.0.0.1", "-p", `${server.port}`, "-d", "postgres", "-U", user, "-c", "select 1"],
        {
          env: { PGPASSWORD: password },
        },
      ),
    superuser: "postgres",
    refusal: "password authentication failed",
  },
  {
    name: "MariaDB",
    acquire: acquireMariadb,
    mess: [
      "create user `it's`@localhost; create role left_over; grant left_over to `it's`@localhost",
      "create table t (id int); create database `a``b`; grant select on mysql.user to `it's`@localhost",
      "set global max_allowed_packet = 2097152",
    ],
    listing: `select schema_name from information_schema.schemata union select user from mysql.global_priv
      union select @@global.max_allowed_packet`,
    login: (server: TestServer, user: string, password: string) =>
      execa("mariadb", ["--no-defaults", "-h127.0.0.1", `-P${server.port}`, `-u${user}`, "-e", "select 1"], {
        env: { MYSQL_PWD: password },
      }),
    superuser: "root",
    refusal: "Access denied",
  },
];

describe.each(ENGINES)("$name", ({ acquire, mess, listing, login, superuser, refusal }) => {
  test("what a file leaves on its server, the next file does not find", async () => {
    const first = await acquire();
    const asNew = await first.sql(listing);
    for (const statements of mess) await first.sql(statements);
    expect(await first.sql(listing)).not.toBe(asNew);
    await first.release();

    const next = await acquire();
    try {
      expect(await next.sql(listing)).toBe(asNew);
      expect(next.password).not.toBe(first.password);
      expect(next.superuserPassword).not.toBe(first.superuserPassword);
    } finally {
      await next.release();
    }
  });

  test("a password of another file, a wrong one and none are refused", async () => {
    const first = await acquire();
    await first.release();
    const server = await acquire();
    try {
      await login(server, superuser, server.superuserPassword);
      for (const password of [first.superuserPassword, "wrong"])
        await expect(login(server, superuser, password)).rejects.toThrow(refusal);
      await expect(login(server, "clara", first.password)).rejects.toThrow(refusal);
      await expect(login(server, "clara", "")).rejects.toThrow(/no password supplied|Access denied/);
    } finally {
      await server.release();
    }
  });
});

interface OwnProcess {
  /** Its first line. */
  readonly printed: string;
  kill(): Promise<void>;
}

/** Starts a process of its own that runs lines of TypeScript, and waits until it has printed one. */
async function inProcess(env: Readonly<Record<string, string>>, ...lines: readonly string[]): Promise<OwnProcess> {
  const argv = [
    process.execPath,
    "--import",
    import.meta.resolve("tsx"),
    "--input-type=module",
    "-e",
    lines.join("\n"),
  ];
  const { child, done } = startProgram(argv, { env });
  let printed = "";
  child.stdout?.on("data", (text: string) => (printed += text));
  await eventually("a line is printed", () => printed.endsWith("\n"));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await done;
  };
  return { printed: printed.trim(), kill };
}

const support = (name: string): string => JSON.stringify(`${PROJECT}test/support/${name}.ts`);

test("a file whose process is killed hands its server back", async () => {
  // A pool of its own: the servers of this test run are wanted by other files, too.
  const run = await inProcess(
    {},
    `import { openPool } from ${support("servers/pool")};`,
    "await openPool();",
    "console.log(process.env.TEST_SERVERS_SOCKET);",
    "setInterval(() => {}, 1000);",
  );
  const env = { TEST_SERVERS_SOCKET: run.printed };
  const acquire = [
    `import { acquirePostgres } from ${support("servers/acquire")};`,
    "const server = await acquirePostgres();",
  ];
  const printPort = ["console.log(server.port);", "setInterval(() => {}, 1000);"];
  const killed = await inProcess(env, ...acquire, "await server.sql('create database left_over');", ...printPort);
  await killed.kill();
  const leftOver = "select count(*) from pg_database where datname = 'left_over'";
  const next = await inProcess(
    env,
    ...acquire,
    `if (await server.sql("${leftOver}") !== "0") throw new Error();`,
    ...printPort,
  );
  expect(next.printed).toBe(killed.printed);
  await next.kill();
  await run.kill();
});

test("the servers of a test run that is killed are killed too", async () => {
  const run = await inProcess(
    {},
    `import { openPool } from ${support("servers/pool")};`,
    `import { acquireMariadb } from ${support("servers/acquire")};`,
    "await openPool();",
    "console.log((await acquireMariadb()).port);",
    "setInterval(() => {}, 1000);",
  );
  expect(await answers(Number(run.printed))).toBe(true);
  await run.kill();
  await expect.poll(async () => await answers(Number(run.printed)), { timeout: 10_000 }).toBe(false);
});

const answers = async (port: number): Promise<boolean> =>
  await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false)).once("data", () => resolve(true));
    socket.once("data", () => socket.destroy());
  });
