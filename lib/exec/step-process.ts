/** Starts the script of a step as a process, with zx, so that a step that fails or is killed affects no other. */
import { existsSync } from "node:fs";
import { $ } from "zx/core";
import { HoldfastError, isErrorCode } from "../errors.ts";
import { type Order, type StepMessage, stepMessageSchema } from "../model/step-message.ts";
import { resolveModule } from "./build-output.ts";
import { jsonLine, readJsonLines } from "./json-lines.ts";
import { PLAN_VARIABLE } from "./plan-variable.ts";

/** The time that a script may take to clean up after SIGTERM. */
const KILL_AFTER_MS = 15_000;

export interface ScriptOptions {
  readonly signal: AbortSignal;
  /** The run's plan. */
  readonly plan: string;
  /** Called with each message of the process. */
  readonly onMessage: (message: StepMessage) => void;
}

/** The process of a step. */
export interface StepProcess {
  send(order: Order): void;
  /** Resolves when the process has ended well. Rejects with its own error, or `E_STEP_DIED` if it failed or was killed. */
  readonly ended: Promise<void>;
  /** Ends it at once and waits until it is gone. */
  cancel(): Promise<void>;
}

/** Starts `scripts/<name>`, which works by the orders that it is sent. */
export function startScript(name: string, { signal, plan, onMessage }: ScriptOptions): StepProcess {
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
    // zx would keep all that the process ever says.
    store: { stdout: forgetful(), stderr: [], stdall: forgetful() },
  });
  const script = shell`exec ${commandFor(name)}`;
  let fatal: HoldfastError | undefined;
  const listen = (message: StepMessage): void => {
    if (message.type !== "fatal") return onMessage(message);
    const { code, message: text, hint } = message.error;
    if (isErrorCode(code)) fatal = new HoldfastError(code, text, { hint });
  };
  let force: NodeJS.Timeout | undefined;
  let over = false;
  const stop = (): void => {
    if (over) return; // the process id may have been reused
    signalProcess(script.pid, "SIGTERM");
    force ??= setTimeout(() => signalProcess(script.pid, "SIGKILL"), KILL_AFTER_MS);
  };
  signal.addEventListener("abort", stop, { once: true });
  // An order to a process that has just died: its end is what is reported.
  script.stdin.on("error", () => {});
  const note = (text: string): void => onMessage({ type: "note", level: "info", text });
  const reading = readJsonLines(script.stdout, stepMessageSchema, listen, note).catch((error: unknown) => {
    stop(); // its messages are no longer read
    throw error;
  });
  const gone = Promise.allSettled([script, reading]).finally(() => {
    over = true;
    clearTimeout(force);
    signal.removeEventListener("abort", stop);
    script.stdin.destroy();
  });
  const ended = gone.then(([outcome, read]) => {
    signal.throwIfAborted();
    if (read.status === "rejected") throw read.reason;
    if (outcome.status === "rejected") throw outcome.reason;
    const result = outcome.value;
    if (fatal !== undefined) throw fatal;
    if (result.exitCode === 0) return;
    const how = result.signal === null ? `ended with status ${result.exitCode}` : `was ended by ${result.signal}`;
    const said = result.stderr.trim().split("\n").slice(-2).join(" ");
    throw new HoldfastError("E_STEP_DIED", `${name} ${how}${said === "" ? "" : `: ${said}`}`);
  });
  ended.catch(() => {}); // it is awaited later
  return {
    send: (order) => void script.stdin.write(jsonLine(order)),
    ended,
    async cancel() {
      stop();
      await gone;
    },
  };
}

/** Returns a list that keeps nothing. */
const forgetful = (): Buffer[] => Object.assign<Buffer[], Pick<Buffer[], "push">>([], { push: () => 0 });

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
