/** Starts the script of each step as a process, with zx, so that a step that fails or is killed affects no other. */
import { existsSync } from "node:fs";
import { $ } from "zx/core";
import { HoldfastError, isErrorCode } from "../errors.ts";
import type { Report } from "../model/event.ts";
import { readWire } from "../report/event-stream.ts";
import { resolveModule } from "./build-output.ts";
import { PLAN_VARIABLE } from "./plan-variable.ts";

/** The time that a script may take to clean up after SIGTERM. */
const KILL_AFTER_MS = 15_000;

export interface ScriptOptions {
  readonly signal: AbortSignal;
  /** The run's plan. */
  readonly plan: string;
}

/** The process of a step, started and waiting for its turn with its modules loaded. */
export interface StepProcess {
  /**
   * Lets it work to its end and passes on its events. Throws `E_STEP_DIED` if it fails or is killed.
   */
  run(report: Report): Promise<void>;
  /** Ends it before or during its turn. */
  cancel(): Promise<void>;
}

/**
 * Starts `scripts/<name>`. It begins to work at a line on its standard input, which stays open while this process
 * lives: the end of the file means that the parent is gone.
 */
export function startScript(name: string, { signal, plan }: ScriptOptions): StepProcess {
  signal.throwIfAborted();
  const shell = $({
    quiet: true,
    nothrow: true,
    verbose: false,
    // Every system has this one; zx would look for bash on the PATH, and quote as only bash reads it.
    shell: "/bin/sh",
    prefix: "",
    quote: quotePosix,
    env: { ...process.env, [PLAN_VARIABLE]: plan },
  });
  const script = shell`exec ${commandFor(name)}`;
  let report: Report = () => {};
  let fatal: HoldfastError | undefined;
  const listen: Report = (event) => {
    if (event.type !== "fatal") report(event);
    else if (isErrorCode(event.code)) fatal = new HoldfastError(event.code, event.message, { hint: event.hint });
  };
  let force: NodeJS.Timeout | undefined;
  let over = false;
  const stop = (): void => {
    if (over) return; // the process id may have been reused
    signalProcess(script.pid, "SIGTERM");
    force ??= setTimeout(() => signalProcess(script.pid, "SIGKILL"), KILL_AFTER_MS);
  };
  signal.addEventListener("abort", stop, { once: true });
  // A script that ends before its turn is reported when its turn comes.
  script.stdin.on("error", () => {});
  const ended = Promise.all([script, readWire(script.stdout, listen)]).finally(() => {
    over = true;
    clearTimeout(force);
    signal.removeEventListener("abort", stop);
    script.stdin.destroy();
  });
  ended.catch(() => {});
  return {
    async run(to) {
      report = to;
      script.stdin.write("\n");
      const [result] = await ended;
      signal.throwIfAborted();
      if (fatal !== undefined) throw fatal;
      if (result.exitCode === 0) return;
      const how = result.signal === null ? `ended with status ${result.exitCode}` : `was ended by ${result.signal}`;
      const said = result.stderr.trim().split("\n").slice(-2).join(" ");
      throw new HoldfastError("E_STEP_DIED", `${name} ${how}${said === "" ? "" : `: ${said}`}`);
    },
    async cancel() {
      stop();
      await ended.catch(() => {});
    },
  };
}

/** A word of a POSIX shell. */
const quotePosix = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Node and the script, compiled where it is built; TypeScript needs tsx. */
function commandFor(name: string): string[] {
  const file = resolveModule(`scripts/${name}`);
  if (!existsSync(file)) throw new HoldfastError("E_INTERNAL", `${file} is missing from the installation`);
  return file.endsWith(".ts")
    ? [process.execPath, "--import", import.meta.resolve("tsx"), file]
    : [process.execPath, file];
}

function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
