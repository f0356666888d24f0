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
import { HoldfastError, asHoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type CommandOptions, type RunningCommand } from "../../exec/command.ts";
import { LOOPBACK, type ServerProgram, type ServerSetup } from "../server-program.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { privateDirectory, type PrivateDirectory } from "./private-directory.ts";

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
  /** The version that suits the dump, as `ServerProgram.versionOf` returns it; the newest if it is not installed. */
  readonly version?: string | undefined;
  /**
   * The parent of the server's directory. If the server's user cannot reach it, the temporary directory is used.
   */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Holds the password while the server is made. */
const SECRET = "secret";
const START_MS = 60_000;

/** Throws `E_DATABASE` when the programs are not installed or the server does not start. */
export async function startPrivateServer(
  program: ServerProgram,
  options: PrivateServerOptions,
): Promise<PrivateServer> {
  const kind = program.find(options.version);
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
    const keep = async (text: string): Promise<void> => {
      await writeFile(secret, text);
      await chmod(secret, 0o644); // whatever the umask; nobody else gets into the directory
    };
    const setup: ServerSetup = {
      directory,
      port: await freePort(),
      password: randomBytes(24).toString("hex"),
      secret,
      keep,
    };
    const command = { signal, cwd: directory, code: "E_DATABASE", env: { LC_ALL: "C" } } satisfies CommandOptions;
    await kind.prepare(setup, async (argv) => {
      await runCommand([...account.as, ...argv], command);
    });
    server = startCommand([...account.as, ...kind.command(setup)], command);
    server.stdin.on("error", () => {}).end();
    server.stdout.resume();
    await ready(server, async () => await kind.probe(setup, { ...command, secrets: [setup.password] }));
    await rm(secret);
    const urlOf = (database: string): string =>
      `${kind.scheme}://${kind.superuser}@${LOOPBACK}:${setup.port}/${encodeURIComponent(database)}`;
    const target = { url: urlOf(kind.database), password: setup.password, execPrefix: [], root: "/" };
    return { target, urlOf, password: setup.password, stop };
  } catch (error) {
    await stop();
    options.signal.throwIfAborted();
    throw asHoldfastError(error, "E_DATABASE");
  }
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
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
