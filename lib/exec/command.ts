/**
 * Starts programs; our own scripts start in step-process.ts. Every program gets an argument vector, never a shell
 * string, an AbortSignal, and a process group of its own that is ended as a whole. `setpriv --pdeathsig` (util-linux)
 * ends it even if this process is killed. Secrets are passed by environment or by file, never as arguments.
 */
import { existsSync } from "node:fs";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa, type Options } from "execa";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { redact } from "../report/redact.ts";

export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with the whole output when the program has ended or failed; secrets are redacted. */
  readonly onOutput?: (text: string) => void;
  /** Its process group is killed when the program ends. */
  readonly alone?: boolean;
  /** Milliseconds; no limit when absent. */
  readonly timeout?: number;
  /** Milliseconds between SIGTERM and SIGKILL when it is ended; 5000 when absent. */
  readonly killAfter?: number;
  /** Values that no error may show. */
  readonly secrets?: readonly string[];
  /** The output of the program is secret: no error shows any of it. */
  readonly isSecret?: boolean;
  /** The code of the error when the program fails; `E_COMMAND` when absent. */
  readonly code?: ErrorCode;
  /** Exit statuses that count as success; `[0]` when absent. */
  readonly okExitCodes?: readonly number[];
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A program at work. Its `stdout` must be read to the end and its `stdin` ended by the caller. */
export interface RunningCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the program has ended; throws as `runCommand` does. */
  readonly done: Promise<CommandResult>;
}

/** The part of an execa result that is used here. */
interface Outcome {
  readonly stdout?: unknown;
  readonly stderr?: unknown;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}

/** The usual time between SIGTERM and SIGKILL for a process group. */
const KILL_AFTER_MS = 5000;
const SETPRIV = "/usr/bin/setpriv";

/** Runs a program and returns its output, at most 256 MB. Throws a HoldfastError with the end of its standard error. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions & { readonly input?: string | Uint8Array },
): Promise<CommandResult> {
  const { input } = options;
  return await start(argv, options, {
    ...(input === undefined ? { stdin: "ignore" } : { input }),
    maxBuffer: 256 * 1024 * 1024,
  }).done;
}

/**
 * Starts a program and leaves its streams to the caller, who must read the output; the last 64 kB of standard error are
 * kept for the error.
 */
export function startCommand(argv: readonly string[], options: CommandOptions): RunningCommand {
  const { subprocess, done } = start(argv, options, { buffer: { stdout: false, stderr: true } });
  const { stdin, stdout, stderr } = subprocess;
  if (stdin === null || stdout === null || stderr === null) throw new HoldfastError("E_INTERNAL", "a pipe is missing");
  // Output without a reader is discarded, by execa soon after the start and by Node when the program ends.
  const output = new PassThrough({ highWaterMark: 256 * 1024 });
  pipeline(stdout, output, { signal: options.signal }).catch(() => {}); // whoever reads `output` gets the error
  return { stdin, stdout: output, stderr, done };
}

function start(argv: readonly string[], options: CommandOptions, extra: Options) {
  options.signal.throwIfAborted();
  const [file, args] = startedAs(argv);
  const subprocess = execa(file, args, {
    ...extra,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    detached: true,
    cleanup: false,
    reject: false,
  });
  const stop = endGroupOnAbort(subprocess.pid, options);
  if (options.alone === true) subprocess.once("exit", stop.kill);
  const done = (async (): Promise<CommandResult> => {
    try {
      return resultOf(argv, await subprocess, options, stop.timedOut);
    } finally {
      stop.release();
    }
  })();
  done.catch(() => {}); // whoever awaits `done` later still gets the error; without this an early failure would end the process
  return { subprocess, done };
}

/** Returns the program and arguments that run a command which ends with this process. */
export function startedAs(argv: readonly string[]): readonly [file: string, args: string[]] {
  const [file, ...args] = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "TERM", "--", ...argv] : argv;
  if (file === undefined) throw new HoldfastError("E_CONFIG", "a configured command is empty");
  return [file, args];
}

/** Ends the whole process group when the signal aborts or the time limit passes. */
export function endGroupOnAbort(pid: number | undefined, options: CommandOptions) {
  let force: NodeJS.Timeout | undefined;
  let late = false;
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (pid !== undefined) process.kill(-pid, signal);
    } catch {
      // The group has already ended.
    }
  };
  const end = (): void => {
    kill("SIGTERM");
    force ??= setTimeout(() => kill("SIGKILL"), options.killAfter ?? KILL_AFTER_MS);
  };
  const limit =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          end();
        }, options.timeout);
  options.signal.addEventListener("abort", end, { once: true });
  return {
    timedOut: (): boolean => late,
    kill: (): void => kill("SIGKILL"),
    release: (): void => {
      clearTimeout(force);
      clearTimeout(limit);
      options.signal.removeEventListener("abort", end);
    },
  };
}

/** Returns the result of a program that has ended. Throws a HoldfastError if it failed. */
export function resultOf(
  argv: readonly string[],
  result: Outcome,
  options: CommandOptions,
  timedOut: () => boolean,
): CommandResult {
  options.signal.throwIfAborted();
  const stdout = typeof result.stdout === "string" ? result.stdout : "";
  const stderr = typeof result.stderr === "string" ? result.stderr : "";
  options.onOutput?.(redact([stdout, stderr].filter((text) => text !== "").join("\n"), options.secrets ?? []));
  const ok = options.okExitCodes ?? [0];
  if (!timedOut() && result.exitCode !== undefined && ok.includes(result.exitCode)) {
    return { stdout, stderr, exitCode: result.exitCode };
  }
  const said =
    options.isSecret === true ? "" : redact(stderr.trim().split("\n").slice(-3).join(" "), options.secrets ?? []);
  const what = `${argv[0] ?? "?"} ${timedOut() ? "took too long" : howItEnded(result)}${said === "" ? "" : `: ${said}`}`;
  throw new HoldfastError(timedOut() ? "E_TIMEOUT" : (options.code ?? "E_COMMAND"), what);
}

function howItEnded(result: Outcome): string {
  if (result.exitCode === 127) return "is not installed or not on the PATH";
  if (result.exitCode !== undefined) return `ended with status ${result.exitCode}`;
  return result.signal === undefined ? "could not be started" : `was ended by ${result.signal}`;
}
