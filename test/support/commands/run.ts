/** Runs the project's scripts as the processes that a user would start. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { makeTemp, removeTree } from "../temp.ts";

export const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));

export interface RunOptions {
  /** Added to the environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Another user, e.g. `nobody`, from whom files can be kept. Needs root. */
  readonly user?: string;
  /** Milliseconds; then the whole process group is killed and the promise rejects. */
  readonly timeout?: number;
  /** Milliseconds after which the process itself, not its children, gets `killSignal`. */
  readonly killAfter?: number;
  readonly killSignal?: NodeJS.Signals;
  readonly input?: string;
}

export interface RunResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Each line of standard output that is a JSON object or array. */
  readonly json: unknown[];
}

export interface StartedScript {
  readonly child: ChildProcess;
  readonly done: Promise<RunResult>;
}

/** Runs `scripts/<name>.ts` to its end, whatever that is. */
export async function runScript(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return await startScript(name, args, options).done;
}

/** Starts `scripts/<name>.ts` in a process group of its own, for tests that look at it while it works. */
export function startScript(name: string, args: readonly string[], options: RunOptions = {}): StartedScript {
  // By its full address: tsx would otherwise be looked for from the working directory.
  const argv = [process.execPath, "--import", import.meta.resolve("tsx"), `${PROJECT}scripts/${name}.ts`, ...args];
  return startProgram(argv, options);
}

/** As `startScript`, for any program. */
export function startProgram(argv: readonly string[], options: RunOptions = {}): StartedScript {
  const other = options.user === undefined ? undefined : { command: asUser(options.user), home: makeHome() };
  const [file = "", ...args] = [...(other?.command ?? []), ...argv];
  const child = spawn(file, args, {
    cwd: options.cwd ?? PROJECT,
    env: {
      ...process.env,
      ...(other === undefined ? {} : { HOME: other.home, XDG_STATE_HOME: other.home }),
      ...options.env,
    },
    detached: true,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(options.input);
  const done = result(argv, child, options).finally(() => {
    if (other !== undefined) removeTree(other.home);
  });
  return { child, done };
}

async function result(argv: readonly string[], child: ChildProcess, options: RunOptions): Promise<RunResult> {
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text: string) => (output[name] += text));
  const limit = options.timeout ?? 100_000;
  let late = false;
  const timers = [
    setTimeout(() => {
      late = true;
      killGroup(child);
    }, limit),
  ];
  if (options.killAfter !== undefined)
    timers.push(setTimeout(() => child.kill(options.killSignal ?? "SIGKILL"), options.killAfter));
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (...ended) => resolve(ended));
    });
    if (late) throw new Error(`${argv.join(" ")} took more than ${limit} ms\n${output.stdout}\n${output.stderr}`);
    return { code, signal, ...output, json: jsonLines(output.stdout) };
  } finally {
    timers.forEach(clearTimeout);
  }
}

/** Ends a started script and all that it started and that did not leave its process group. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function asUser(user: string): string[] {
  const id = (flag: string): string => execFileSync("id", [flag, user], { encoding: "utf8" }).trim();
  return ["setpriv", `--reuid=${id("-u")}`, `--regid=${id("-g")}`, "--clear-groups", "--"];
}

/** A home and a state directory that another user can write to. */
function makeHome(): string {
  const home = makeTemp("holdfast-test-home-");
  chmodSync(home, 0o777);
  return home;
}

export function jsonLines(text: string): unknown[] {
  return text.split("\n").flatMap((line) => {
    if (!/^\s*[[{]/.test(line)) return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      return [];
    }
  });
}
