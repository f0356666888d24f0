/** Runs the steps of a backup: as sub-scripts beside the dump, or in this process. */
import path from "node:path";
import { HoldfastError, isDiskFull } from "../../errors.ts";
import { startScript, type StepProcess } from "../../exec/step-process.ts";
import type { Report } from "../../model/event.ts";
import type { StepName } from "../../model/unit.ts";
import type { Step, StepContext } from "../../steps/core/step.ts";
import { STEPS } from "../../steps/registry.ts";
import { writeDocument } from "../../store/files/json-documents.ts";
import type { RunPlan } from "../../store/run/plan.ts";

/** The steps whose process did not end well, with the reason. */
export type FailedSteps = ReadonlyMap<StepName, unknown>;

/** Runs the steps one after the other in this process. */
export async function runInProcess(context: StepContext, steps: readonly Step[]): Promise<FailedSteps> {
  for (const step of steps) await step.run(context);
  return new Map();
}

/**
 * Runs each step as a sub-script: the dump first; when it has read the list of projects, the file steps one after the
 * other beside it, each with all the workers. The next one is started while one is at work, so that it need not be
 * waited for. A full disk ends all of them; any other death is that step's own failure.
 */
export async function runAsScripts(context: StepContext, steps: readonly Step[], plan: RunPlan): Promise<FailedSteps> {
  const died = new Map<StepName, unknown>();
  const planFile = path.join(plan.scratch, "plan.json");
  writeDocument(planFile, plan);
  const stopOthers = new AbortController();
  const signal = AbortSignal.any([context.signal, stopOthers.signal]);
  let diskFull: unknown;
  const start = (step: Step): StepProcess => startScript(STEPS[step.name].script, { signal, plan: planFile });
  const run = async (step: Step, script: StepProcess, report: Report): Promise<void> => {
    try {
      await script.run(report);
    } catch (error) {
      // Told at the end, when the last of them has ended: until then nobody waits for the dump.
      if (context.signal.aborted || diskFull !== undefined) return;
      if (isDiskFull(error)) {
        diskFull = error;
        stopOthers.abort(new HoldfastError("E_NO_SPACE", "the disk is full"));
        return;
      }
      died.set(step.name, error);
    }
  };
  const dump = steps.find((step) => step.name === "db");
  const files = steps.filter((step) => step !== dump);
  const waiting: StepProcess[] = [];
  const startNext = (): void => {
    const next = files[waiting.length];
    if (next !== undefined && !signal.aborted) waiting.push(start(next));
  };
  try {
    let dumping = Promise.resolve();
    await new Promise<void>((projectsRead) => {
      if (dump !== undefined) dumping = run(dump, start(dump), listenFor("projects", projectsRead, context.report));
      startNext();
      void dumping.then(projectsRead);
    });
    for (const [index, step] of files.entries()) {
      const script = waiting[index];
      if (script === undefined || signal.aborted) break;
      startNext();
      await run(step, script, context.report);
    }
    await dumping;
  } finally {
    await Promise.all(waiting.map(async (script) => await script.cancel()));
  }
  context.signal.throwIfAborted();
  if (diskFull !== undefined) throw diskFull;
  return died;
}

const listenFor =
  (type: string, heard: () => void, report: Report): Report =>
  (event) => {
    if (event.type === type) heard();
    report(event);
  };
