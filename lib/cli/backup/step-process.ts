/** Runs a step's script as part of a run: the parent has planned it, holds the lock, and receives every event. */
import path from "node:path";
import { loadConfig } from "../../config/load.ts";
import { asHoldfastError, EXIT, HoldfastError } from "../../errors.ts";
import type { StepName } from "../../model/unit.ts";
import { wireReport } from "../../report/event-stream.ts";
import { createContext } from "../../steps/core/create-context.ts";
import { PROJECTS_FILE } from "../../steps/core/projects.ts";
import { STEPS } from "../../steps/registry.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { inheritLock, TOKEN_VARIABLE } from "../../store/lock/acquire.ts";
import { runPlanSchema } from "../../store/run/plan.ts";
import { abortOnSignals } from "../core/signals.ts";

/** Runs one step for the parent with the plan at `planFile`, when the parent starts it; ends when the parent ends. */
export async function runAsSubScript(name: StepName, planFile: string): Promise<void> {
  process.umask(0o027);
  const abort = abortOnSignals();
  const turn = listenToParent(abort);
  const report = wireReport((line) => process.stdout.write(line));
  try {
    const plan = readDocument(planFile, runPlanSchema);
    const { run, staging, scratch, app, options } = plan;
    const config = loadConfig(plan.config, process.env);
    const step = await STEPS[name].load();
    await turn;
    abort.signal.throwIfAborted();
    const store = path.resolve(scratch, "../..");
    await inheritLock(path.join(store, ".lock"), process.env[TOKEN_VARIABLE] ?? "").assertHeld();
    const projectsFile = path.join(staging, PROJECTS_FILE);
    const { signal } = abort;
    await step.run(
      createContext({ config, options, run, directory: staging, scratch, store, projectsFile, app, signal, report }),
    );
  } catch (error) {
    const { code, message, hint, exitCode } = asHoldfastError(abort.signal.aborted ? abort.signal.reason : error);
    report({ type: "fatal", code, message, hint });
    process.exitCode = abort.signal.aborted ? EXIT.interrupted : exitCode;
  } finally {
    process.stdin.destroy();
  }
}

/**
 * Waits for the parent's start signal on standard input. The parent holds the pipe open, and the kernel closes it when
 * the parent ends for any reason.
 */
async function listenToParent(abort: AbortController): Promise<void> {
  const gone = (): void => abort.abort(new HoldfastError("E_INTERRUPTED", "the parent process is gone"));
  process.stdout.on("error", gone);
  await new Promise<void>((resolve) => {
    process.stdin
      .on("data", () => resolve())
      .on("end", gone)
      .on("error", gone);
    abort.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
