/** Runs a step's script as part of a run: the parent has planned it, holds the lock, and receives every event. */
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { loadConfig } from "../../config/load.ts";
import { asHoldfastError, EXIT, HoldfastError } from "../../errors.ts";
import type { StepName } from "../../model/unit.ts";
import type { BackupRequest } from "../../ops/backup/request.ts";
import { chooseTextTypes, stepOptions } from "../../ops/backup/step-options.ts";
import { wireReport } from "../../report/event-stream.ts";
import { Claims } from "../../steps/claims/site.ts";
import { PROJECTS_FILE, ProjectSource } from "../../steps/core/projects.ts";
import { loadStep } from "../../steps/load-step.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { inheritLock, TOKEN_VARIABLE } from "../../store/lock/acquire.ts";
import { PreviousRuns } from "../../store/run/previous-runs.ts";
import { runPlanSchema } from "../../store/run/plan.ts";
import { abortOnSignals } from "../core/signals.ts";

/** Runs one step for the parent with the plan at `planFile`, when the parent starts it; ends when the parent ends. */
export async function runAsSubScript(name: StepName, planFile: string, request: BackupRequest): Promise<void> {
  process.umask(0o027);
  const abort = abortOnSignals();
  const turn = listenToParent(abort);
  const report = wireReport((line) => process.stdout.write(line));
  try {
    const config = loadConfig(request.config, process.env);
    const step = await loadStep(name);
    await turn;
    abort.signal.throwIfAborted();
    const plan = readDocument(planFile, runPlanSchema);
    const store = path.resolve(plan.scratch, "../..");
    if (step === undefined) throw new HoldfastError("E_INTERNAL", `unknown step ${name}`);
    await inheritLock(path.join(store, ".lock"), process.env[TOKEN_VARIABLE] ?? "").assertHeld();
    const projects = new ProjectSource(config, path.join(plan.staging, PROJECTS_FILE), abort.signal);
    await step.run({
      config,
      options: stepOptions(config, request, chooseTextTypes(config, request.textTypes), request.resume),
      run: plan.run,
      directory: plan.staging,
      scratch: plan.scratch,
      exclude: [fromString(store)],
      app: plan.app,
      previous: new PreviousRuns(store),
      projects,
      claims: new Claims(config, store, projects),
      signal: abort.signal,
      report,
    });
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
