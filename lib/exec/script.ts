/** Starts our own sub-scripts as processes of their own, with zx, so that one that fails or is killed takes nothing with it. */
import { existsSync } from "node:fs";
import { $ } from "zx/core";
import { HoldfastError, isErrorCode } from "../errors.ts";
import type { Report } from "../model/event.ts";
import { readWire } from "../report/wire.ts";
import { runnable } from "./compiled.ts";
import { PLAN_VARIABLE } from "./plan.ts";

/** How long a sub-script may take to clean up after SIGTERM. */
const KILL_AFTER_MS = 15_000;

export interface ScriptOptions {
  readonly signal: AbortSignal;
  /** The run's plan. */
  readonly plan: string;
  readonly report: Report;
}

/**
 * Runs `scripts/<name>` to its end, passing on its events. Its standard input stays open as long as this process lives: end-of-file tells it
 * that its parent is gone. Throws `E_STEP_DIED` when it ends other than well.
 */
export async function runScript(name: string, args: readonly string[], options: ScriptOptions): Promise<void> {
  options.signal.throwIfAborted();
  const shell = $({
    quiet: true,
    nothrow: true,
    verbose: false,
    env: { ...process.env, [PLAN_VARIABLE]: options.plan },
  });
  const script = shell`exec ${[...commandFor(name), ...args]}`;
  let force: NodeJS.Timeout | undefined;
  const stop = (): void => {
    signalProcess(script.pid, "SIGTERM");
    force ??= setTimeout(() => signalProcess(script.pid, "SIGKILL"), KILL_AFTER_MS);
  };
  options.signal.addEventListener("abort", stop, { once: true });
  let fatal: HoldfastError | undefined;
  const listen: Report = (event) => {
    if (event.type !== "fatal") options.report(event);
    else if (isErrorCode(event.code)) fatal = new HoldfastError(event.code, event.message, { hint: event.hint });
  };
  try {
    const [result] = await Promise.all([script, readWire(script.stdout, listen)]);
    options.signal.throwIfAborted();
    if (fatal !== undefined) throw fatal;
    if (result.exitCode === 0) return;
    const how = result.signal === null ? `ended with status ${result.exitCode}` : `was ended by ${result.signal}`;
    const said = result.stderr.trim().split("\n").slice(-2).join(" ");
    throw new HoldfastError("E_STEP_DIED", `${name} ${how}${said === "" ? "" : `: ${said}`}`);
  } finally {
    clearTimeout(force);
    options.signal.removeEventListener("abort", stop);
    script.stdin.destroy();
  }
}

/** Node and the script, compiled where it is built; TypeScript needs tsx. */
function commandFor(name: string): string[] {
  const file = runnable(`scripts/${name}`);
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
