/** Runs a step: begins and ends it, and always writes its index and its failures. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { HoldfastError, isDiskFull } from "../../errors.ts";
import type { StepName } from "../../model/unit.ts";
import { writeDocument } from "../../store/files/json-documents.ts";
import { dropUnits } from "../../store/run/resume.ts";
import { writeIndex } from "../../store/run/step-index.ts";
import { assertOwnPaths } from "../claims/paths.ts";
import { StepWorkers } from "./workers.ts";
import type { StepContext } from "./step.ts";
import { UnitRunner } from "./unit-runner.ts";

/** Returns the file of a step's result for the merge, in the run's scratch directory. */
export const stepStateFile = (scratch: string, step: StepName): string => path.join(scratch, `step-${step}.json`);

/**
 * Runs the body of a step. What it throws fails the step as a whole (an interruption and a full disk are thrown on);
 * then the index and the failures are written, always.
 */
export async function runStep(
  context: StepContext,
  step: StepName,
  body: (runner: UnitRunner, workers: StepWorkers) => Promise<void>,
): Promise<void> {
  const { report, options, directory, signal } = context;
  const started_at = new Date().toISOString();
  const runner = new UnitRunner(context, step);
  const workers = new StepWorkers(context);
  report({ type: "step_started", step });
  if (!options.dryRun) mkdirSync(path.join(directory, step), { recursive: true });
  try {
    assertOwnPaths(context.config, step);
    await body(runner, workers);
    checkAccounts(runner);
  } catch (error) {
    signal.throwIfAborted();
    if (isDiskFull(error)) throw error;
    runner.failPart(null, error);
  } finally {
    await workers.close();
    Object.assign(runner.counters, workers.work);
  }
  if (!options.dryRun) {
    mkdirSync(path.join(directory, step), { recursive: true });
    if (options.resume) dropUnits(directory, step, runner.finished);
    writeIndex(directory, step);
    writeDocument(path.join(directory, step, "failures.json"), runner.failures);
    writeDocument(stepStateFile(context.scratch, step), {
      started_at,
      finished_at: new Date().toISOString(),
      counters: runner.counters,
      leading_out: await context.claims.leadingOut(),
    });
  }
  report({ type: "step_ended", step, counters: runner.counters, duration_ms: runner.elapsed });
}

/** A run is believed only when its units were counted twice, once before they were exported. */
function checkAccounts(runner: UnitRunner): void {
  const { expected } = runner.counters;
  if (expected === null || expected === runner.accounted) return;
  throw new HoldfastError("E_IO", `${expected} units were counted, ${runner.accounted} are accounted for`, {
    hint: "the site changed while it was counted, or a unit was lost; run it again",
  });
}
