/** Starts the programs of a database server in a directory of its own; none outlives the process that started it. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

export const HOST = "127.0.0.1";

/** A directory that belongs to a server's user, and the words that run a program as that user. */
export interface ServerDirectory {
  readonly directory: string;
  readonly as: readonly string[];
  remove(): void;
}

/** Makes a directory for a server. Servers refuse to run as root: then they run as the user of their Debian package. */
export function serverDirectory(user: "postgres" | "mysql"): ServerDirectory {
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

/** Copies a directory that a server's own program has made, with its owners. */
export function copyData(from: string, to: string): void {
  execFileSync("cp", ["-a", "--reflink=auto", "--sparse=always", from, to]);
}

export interface ServerProcess {
  /** Waits until the probe succeeds; throws with the server's log where it does not, and removes the directory. */
  ready(probe: () => Promise<unknown>): Promise<void>;
  /** Ends the server and removes its directory. */
  stop(): Promise<void>;
}

/** Starts a server, which goes with this process, its directory too unless this process is killed. */
export function startServer(argv: readonly string[], signal: NodeJS.Signals, remove: () => void): ServerProcess {
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
    async ready(probe) {
      for (let attempt = 0; ; attempt++) {
        try {
          await probe();
          return;
        } catch (error) {
          if (attempt < 600 && child.exitCode === null) {
            await sleep(50);
            continue;
          }
          kill();
          throw new Error(`the test server did not start: ${log}`, { cause: error });
        }
      }
    },
    async stop() {
      child.kill(signal);
      await ended;
      process.off("exit", kill);
      remove();
    },
  };
}

/** Runs a program to its end; gives what it printed, without the last line feed. */
export async function run(
  argv: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const [file = "", ...args] = argv;
  return (await execa(file, args, { ...options, stripFinalNewline: true })).stdout;
}

/** Returns a port on which nothing listens. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Letters and digits only: it must stand in URLs and statements as it is, and be found again by grep. */
export const secret = (): string => `Pw${randomBytes(12).toString("hex")}`;

/** Returns the error that a program is not installed. */
export const missing = (program: string, debian: string): Error =>
  new Error(`${program} is not installed, and this test needs it: apt-get install ${debian}`);
