/**
 * Database servers for tests: each one new, in a directory of its own under the temporary directory, on a free port of
 * 127.0.0.1, with passwords that are really asked for, and without fsync. Gone when the test process ends, however it ends.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import glob from "fast-glob";
import { execa } from "execa";

export interface TestServer {
  /** An ordinary user's own database, UTF-8, without the password in it; `password` goes with it. */
  readonly url: string;
  readonly password: string;
  /** The same with the password in it. */
  readonly urlWithPassword: string;
  /** The superuser on the server's maintenance database, with the password in it. */
  readonly superuserUrl: string;
  readonly superuserPassword: string;
  readonly port: number;
  /** A directory with the server's Unix socket. */
  readonly directory: string;
  /** Runs statements, as the superuser, in `database` (the user's own when absent); gives what was printed, unaligned. */
  sql(statements: string, database?: string): Promise<string>;
  /** A new, empty database owned by the ordinary user; gives its name. */
  createDatabase(name?: string): Promise<string>;
  /** `url` for another database of this server. */
  urlOf(database: string): string;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const USER = "clara";
const DATABASE = "clara";

/** Directories with `initdb` and `postgres`: those of Debian, and `<major>/bin` below `TEST_POSTGRES_DIRECTORY`. */
export function postgresDirectories(): string[] {
  const more = process.env.TEST_POSTGRES_DIRECTORY;
  const roots = ["/usr/lib/postgresql", ...(more === undefined ? [] : [more])];
  return roots
    .flatMap((root) => glob.sync(`${root}/*/bin`, { onlyDirectories: true }))
    .filter((bin) => existsSync(join(bin, "initdb")));
}

/** A PostgreSQL server, of the newest version of Debian's installed unless `programs` says where another is, with scram authentication. */
export async function startPostgres(
  programs?: string,
): Promise<TestServer & { psql(statements: string, database?: string): Promise<string> }> {
  const bin = programs ?? glob.sync("/usr/lib/postgresql/*/bin", { onlyDirectories: true }).toSorted(byNumber).at(-1);
  if (bin === undefined || !existsSync(join(bin, "initdb"))) throw missing("initdb", "postgresql");
  const { directory, as, remove } = serverDirectory("postgres");
  const [password, superuserPassword] = [secret(), secret()];
  const pwfile = join(directory, "pw");
  writeFileSync(pwfile, superuserPassword, { mode: 0o644 });
  const data = join(directory, "data");
  const initdb = [join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${pwfile}`];
  await run([...as, ...initdb, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
  const port = await freePort();
  const settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", `listen_addresses=${HOST}`];
  const options = settings.flatMap((setting) => ["-c", setting]);
  const server = background(
    [...as, join(bin, "postgres"), "-D", data, "-p", `${port}`, "-k", directory, ...options],
    remove,
  );
  const sql = async (statements: string, database = DATABASE): Promise<string> => {
    const psql = [
      "psql",
      "-X",
      "-q",
      "-A",
      "-t",
      "-v",
      "ON_ERROR_STOP=1",
      "-h",
      HOST,
      "-p",
      `${port}`,
      "-U",
      "postgres",
      "-d",
      database,
    ];
    return await run(psql, { input: statements, env: { PGPASSWORD: superuserPassword } });
  };
  await server.ready(async () => await sql("select 1", "postgres"));
  await sql(`create role ${USER} login password '${password}'`, "postgres");
  let count = 0;
  const createDatabase = async (name = `db_${++count}`): Promise<string> => {
    await sql(`create database "${name}" owner ${USER}`, "postgres");
    return name;
  };
  await createDatabase(DATABASE);
  const at = `${HOST}:${port}`;
  return {
    ...access("postgresql", at, password),
    superuserUrl: `postgresql://postgres:${superuserPassword}@${at}/postgres`,
    superuserPassword,
    port,
    directory,
    sql,
    psql: sql,
    createDatabase,
    stop: async () => await server.stop("SIGQUIT"),
  };
}

/** A MariaDB server without binary log. */
export async function startMariadb(): Promise<TestServer> {
  const mariadbd = ["/usr/sbin/mariadbd", "/usr/sbin/mysqld"].find((path) => existsSync(path));
  if (mariadbd === undefined) throw missing("mariadbd", "mariadb-server");
  const { directory, as, remove } = serverDirectory("mysql");
  const [password, superuserPassword] = [secret(), secret()];
  const data = join(directory, "data");
  // Its own: a killed server leaves tables in it, whose names a later one with the same process number would want.
  const temporary = `--tmpdir=${directory}`;
  const auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
  await run([...as, "mariadb-install-db", "--no-defaults", `--datadir=${data}`, temporary, ...auth]);
  const port = await freePort();
  const socket = join(directory, "mariadb.sock");
  const options = [
    "--no-defaults",
    `--datadir=${data}`,
    temporary,
    `--port=${port}`,
    `--bind-address=${HOST}`,
    `--socket=${socket}`,
    `--pid-file=${join(directory, "pid")}`,
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--character-set-server=utf8mb4",
  ];
  const server = background([...as, mariadbd, ...options], remove);
  let known = "";
  const sql = async (statements: string, database = DATABASE): Promise<string> => {
    const client = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"];
    const argv = [...client, `--socket=${socket}`, "--user=root", database];
    return await run(argv, { input: statements, env: { MYSQL_PWD: known } });
  };
  await server.ready(async () => await sql("select 1", "mysql"));
  await sql(`alter user root@localhost identified by '${superuserPassword}'`, "mysql");
  known = superuserPassword;
  // As a site's installer does it: everything within the databases, nothing global.
  await sql(
    `create or replace user root@'${HOST}' identified by '${superuserPassword}'; grant all on *.* to root@'${HOST}' with grant option;
     create user ${USER}@'${HOST}' identified by '${password}'; create user ${USER}@localhost identified by '${password}'`,
    "mysql",
  );
  let count = 0;
  const createDatabase = async (name = `db_${++count}`): Promise<string> => {
    await sql(
      `create database \`${name}\` character set utf8mb4; grant all on \`${name}\`.* to ${USER}@'${HOST}', ${USER}@localhost`,
      "mysql",
    );
    return name;
  };
  await createDatabase(DATABASE);
  const at = `${HOST}:${port}`;
  return {
    ...access("mariadb", at, password),
    superuserUrl: `mariadb://root:${superuserPassword}@${at}/mysql`,
    superuserPassword,
    port,
    directory,
    sql,
    createDatabase,
    stop: async () => await server.stop("SIGKILL"),
  };
}

function access(scheme: string, at: string, password: string) {
  const urlOf = (database: string): string => `${scheme}://${USER}@${at}/${encodeURIComponent(database)}`;
  return {
    url: urlOf(DATABASE),
    password,
    urlWithPassword: `${scheme}://${USER}:${password}@${at}/${DATABASE}`,
    urlOf,
  };
}

/** Letters and digits only: it must stand in URLs and statements as it is, and be found again by grep. */
function secret(): string {
  return `Pw${randomBytes(12).toString("hex")}`;
}

/** Servers refuse to run as root: then they get the user of their Debian package, and a directory that belongs to it. */
function serverDirectory(user: string): { directory: string; as: string[]; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), `holdfast-${user}-`));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  // The signal of a dead parent is lost on a change of user: setpriv asks for it after the change.
  const common = ["setpriv", "--pdeathsig", "KILL"];
  if (userInfo().uid !== 0) return { directory, as: [...common, "--"], remove };
  const [, , uid, gid] = account(user);
  chownSync(directory, Number(uid), Number(gid));
  chmodSync(directory, 0o755);
  return { directory, as: [...common, `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--"], remove };
}

function account(user: string): string[] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${user}:`));
  if (line === undefined) throw missing(`the user ${user}`, user === "mysql" ? "mariadb-server" : "postgresql");
  return line.split(":");
}

function background(argv: readonly string[], remove: () => void) {
  const [file = "", ...args] = argv;
  const child: ChildProcess = spawn(file, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, LC_ALL: "C" },
  });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4000)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = (): void => {
    child.kill("SIGKILL");
    remove();
  };
  process.once("exit", kill);
  return {
    ready: async (probe: () => Promise<unknown>): Promise<void> => {
      for (let attempt = 0; ; attempt++) {
        try {
          await probe();
          return;
        } catch (error) {
          if (attempt < 300 && child.exitCode === null) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            continue;
          }
          kill();
          throw new Error(`the test server did not start: ${log}`, { cause: error });
        }
      }
    },
    stop: async (signal: NodeJS.Signals): Promise<void> => {
      child.kill(signal);
      await ended;
      process.off("exit", kill);
      remove();
    },
  };
}

async function run(
  argv: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const [file = "", ...args] = argv;
  return (await execa(file, args, { ...options, stripFinalNewline: true })).stdout;
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function missing(program: string, debian: string): Error {
  return new Error(`${program} is not installed, and this test needs it: apt-get install ${debian}`);
}

function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]);
}
