/**
 * A database server of our own for drills and deep verification: new, empty, in a private directory, on a free port of
 * 127.0.0.1, behind a random password, without fsync. It is never root's, ends with this process, and leaves nothing.
 */
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import glob from "fast-glob";
import { HoldfastError, asHoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type CommandOptions, type RunningCommand } from "../../exec/command.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { privateDirectory, type PrivateDirectory } from "./private-directory.ts";
import { findProgram, isProgram } from "./programs.ts";

export interface PrivateServer {
  /** The superuser, on the server's own database. */
  readonly target: DatabaseTarget;
  /** The superuser's URL of another database, without the password. */
  urlOf(database: string): string;
  readonly password: string;
  /** Ends it and removes all that it wrote. */
  stop(): Promise<void>;
}

export interface PrivateServerOptions {
  /** The PostgreSQL major that suits the dump; the newest, where it is not installed. */
  readonly major?: number;
  /**
   * The parent of the server's directory. If the server's user cannot reach it, the temporary directory is used.
   */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Holds the password while the server is made. */
const SECRET = "secret";
const HOST = "127.0.0.1";
const START_MS = 60_000;

/** Throws `E_DATABASE` when the programs are not installed or the server does not start. */
export async function startPrivateServer(
  engine: "postgresql" | "mariadb",
  options: PrivateServerOptions,
): Promise<PrivateServer> {
  const kind = engine === "postgresql" ? postgresql(options.major) : mariadb();
  const account = await accountOf(kind.user, kind.hint);
  const ours = new AbortController();
  const signal = AbortSignal.any([options.signal, ours.signal]);
  const { path: directory, remove } = await makeDirectory(options.directory, account, signal);
  let server: RunningCommand | undefined;
  const stop = async (): Promise<void> => {
    ours.abort();
    await server?.done.catch(() => {});
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    remove();
  };
  // Called off: what it wrote goes as well, though nobody may be left to call `stop`.
  options.signal.addEventListener("abort", () => void stop().catch(() => {}), { once: true });
  try {
    const secret = join(directory, SECRET);
    const keep = async (text: string): Promise<string> => {
      await writeFile(secret, text);
      await chmod(secret, 0o644); // whatever the umask; nobody else gets into the directory
      return secret;
    };
    const setup: Setup = { directory, port: await freePort(), password: randomBytes(24).toString("hex"), keep };
    const command = { signal, cwd: directory, code: "E_DATABASE", env: { LC_ALL: "C" } } satisfies CommandOptions;
    await kind.prepare(setup, async (argv) => {
      await runCommand([...account.as, ...argv], command);
    });
    server = startCommand([...account.as, ...kind.server(setup)], command);
    server.stdin.on("error", () => {}).end();
    server.stdout.resume();
    await ready(server, async () => await kind.probe(setup, { ...command, secrets: [setup.password] }));
    await rm(secret);
    const urlOf = (database: string): string =>
      `${engine}://${kind.superuser}@${HOST}:${setup.port}/${encodeURIComponent(database)}`;
    const target = { url: urlOf(kind.database), password: setup.password, execPrefix: [], root: "/" };
    return { target, urlOf, password: setup.password, stop };
  } catch (error) {
    await stop();
    options.signal.throwIfAborted();
    throw asHoldfastError(error, "E_DATABASE");
  }
}

interface Setup {
  readonly directory: string;
  readonly port: number;
  readonly password: string;
  /** Writes a file that is removed once the server answers; gives its path, which is always the same. */
  keep(text: string): Promise<string>;
}

type Run = (argv: readonly string[]) => Promise<void>;

interface Kind {
  readonly user: string;
  readonly superuser: string;
  readonly database: string;
  readonly hint: string;
  /** Makes the empty data directory, with the password in it. */
  prepare(setup: Setup, run: Run): Promise<void>;
  server(setup: Setup): string[];
  /** Throws while the server does not answer. */
  probe(setup: Setup, options: CommandOptions): Promise<void>;
}

function postgresql(major: number | undefined): Kind {
  const hint = `apt-get install postgresql${major === undefined ? "" : `-${major}`}`;
  const installed = glob
    .sync(["/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb"])
    .map((path) => ({ bin: path.slice(0, -"/initdb".length), major: Number(/\d+/.exec(path)?.[0]) }))
    .filter(({ bin }) => isProgram(join(bin, "initdb")) && isProgram(join(bin, "postgres")))
    .toSorted((a, b) => a.major - b.major);
  const bin = (installed.find((one) => one.major === major) ?? installed.at(-1))?.bin;
  if (bin === undefined) throw new HoldfastError("E_DATABASE", "no PostgreSQL server is installed", { hint });
  return {
    user: "postgres",
    superuser: "postgres",
    database: "postgres",
    hint,
    prepare: async ({ directory, password, keep }, run) => {
      const auth = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${await keep(password)}`];
      const locale = ["--encoding=UTF8", "--locale=C.UTF-8"];
      await run([join(bin, "initdb"), "-D", join(directory, "data"), ...auth, ...locale, "--no-sync"]);
    },
    server: ({ directory, port }) => {
      const settings = [
        `listen_addresses=${HOST}`,
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_wal_size=1GB",
        "wal_level=logical",
      ];
      const flags = ["-D", join(directory, "data"), "-p", `${port}`, "-k", directory];
      return [join(bin, "postgres"), ...flags, ...settings.flatMap((setting) => ["-c", setting])];
    },
    probe: async ({ port, password }, options) => {
      const url = `postgresql://postgres@${HOST}:${port}/postgres?connect_timeout=5`;
      const env = { ...options.env, PGPASSWORD: password };
      await runCommand(["psql", "-X", "-q", "-A", "-t", "--no-password", "-d", url, "-c", "select 1"], {
        ...options,
        env,
      });
    },
  };
}

function mariadb(): Kind {
  const hint = "apt-get install mariadb-server";
  const program = ["/usr/sbin/mariadbd", "/usr/sbin/mysqld"].find(isProgram) ?? findProgram(["mariadbd"]);
  const install = findProgram(["mariadb-install-db"]);
  const client = findProgram(["mariadb"]);
  if (program === undefined || install === undefined || client === undefined) {
    throw new HoldfastError("E_DATABASE", "no MariaDB server is installed", { hint });
  }
  return {
    user: "mysql",
    superuser: "root",
    database: "mysql",
    hint,
    prepare: async ({ directory, password, keep }, run) => {
      const data = join(directory, "data");
      const auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
      await run([install, "--no-defaults", `--datadir=${data}`, ...auth]);
      // The server reads it before it lets anybody in: at no time is there a root without a password.
      await keep(`set password for root@localhost = password('${password}');
create or replace user root@'${HOST}' identified by '${password}';
grant all on *.* to root@'${HOST}' with grant option;
`);
    },
    server: ({ directory, port }) => [
      program,
      "--no-defaults",
      `--datadir=${join(directory, "data")}`,
      `--init-file=${join(directory, SECRET)}`,
      `--port=${port}`,
      `--bind-address=${HOST}`,
      `--socket=${join(directory, "mariadb.sock")}`,
      `--pid-file=${join(directory, "pid")}`,
      "--skip-log-bin",
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-flush-method=nosync",
      "--character-set-server=utf8mb4",
      "--max-allowed-packet=1073741824", // the largest there is: a row that one server took must go into this one
    ],
    probe: async ({ port, password }, options) => {
      const argv = [client, "--no-defaults", `--host=${HOST}`, `--port=${port}`, "--user=root", "--execute=select 1"];
      await runCommand(argv, { ...options, env: { ...options.env, MYSQL_PWD: password } });
    },
  };
}

interface Account {
  /** Put before a program so that it runs as the server's user; ends it with this process. */
  readonly as: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** Servers refuse to run as root: then they get the user of their package. */
async function accountOf(user: string, hint: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { as: [] };
  const entry = (await readFile("/etc/passwd", "utf8")).split("\n").find((line) => line.startsWith(`${user}:`));
  if (entry === undefined) throw new HoldfastError("E_DATABASE", `there is no user ${user} on this host`, { hint });
  const [, , uid, gid] = entry.split(":");
  // The signal of a dead parent is lost on a change of user: setpriv asks for it again after the change.
  const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--pdeathsig=KILL", "--"];
  return { as, uid: Number(uid), gid: Number(gid) };
}

/** Directories of processes that were killed are taken away on the way. */
async function makeDirectory(parent: string, account: Account, signal: AbortSignal): Promise<PrivateDirectory> {
  const { as, uid, gid } = account;
  await mkdir(parent, { recursive: true });
  const directory = privateDirectory(undefined, parent);
  if (uid === undefined || gid === undefined) return directory;
  await chown(directory.path, uid, gid);
  const { exitCode } = await runCommand([...as, "test", "-w", directory.path], { signal, okExitCodes: [0, 1] });
  if (exitCode === 0) return directory;
  directory.remove();
  if (parent === tmpdir()) throw new HoldfastError("E_DATABASE", `the server's user cannot write below ${parent}`);
  return await makeDirectory(tmpdir(), account, signal);
}

async function ready(server: RunningCommand, probe: () => Promise<void>): Promise<void> {
  let ended: unknown;
  server.done.then(
    () => (ended = new HoldfastError("E_DATABASE", "the private database server has ended")),
    (error: unknown) => (ended = error),
  );
  const until = Date.now() + START_MS;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (ended !== undefined) throw ended;
      if (Date.now() > until) throw error;
      await sleep(100);
    }
  }
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
