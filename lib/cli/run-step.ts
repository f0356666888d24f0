/** Starts the script of one step: alone, or as a part of a run. */
import { PLAN_VARIABLE } from "../exec/plan-variable.ts";
import type { StepName } from "../model/unit.ts";

/** Runs the step for the parent that planned it, else as a backup of its own; loads only what that needs. */
export async function runStepScript(step: StepName): Promise<void> {
  const plan = process.env[PLAN_VARIABLE];
  if (plan !== undefined) {
    const { runAsSubScript } = await import("./backup/step-process.ts");
    return await runAsSubScript(step, plan);
  }
  const { runScript } = await import("./run.ts");
  await runScript("step", step);
}
