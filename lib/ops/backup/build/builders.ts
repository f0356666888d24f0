/** The builders of a backup's steps: a process for each step, or this one for all of them. */
import path from "node:path";
import { LocalBuilder } from "../../../steps/core/local-builder.ts";
import type { StepContext } from "../../../steps/core/context.ts";
import { STEPS } from "../../../steps/registry.ts";
import { writeDocument } from "../../../store/files/json-documents.ts";
import type { RunPlan } from "../../../store/run/plan.ts";
import { ProcessBuilder } from "./process-builder.ts";
import type { BuilderFor } from "./run-steps.ts";

/** Builds the units of each step in a process of its own, so that one that dies takes nothing with it. */
export function inProcesses(context: StepContext): BuilderFor {
  const { config, run, directory, store, names, scratch, copies, seal, app, options } = context;
  const plan = path.join(scratch, "plan.json");
  writeDocument(plan, {
    config: config.file,
    run,
    staging: directory,
    store,
    scratch,
    copies,
    app,
    options,
    ...(names === undefined ? {} : { names }),
    ...(seal === undefined ? {} : { seal }),
  } satisfies RunPlan);
  return (step, of) => new ProcessBuilder({ script: STEPS[step.name].script, plan, ...of });
}

/** Builds the units of all steps in this process. */
export const inThisProcess =
  (context: StepContext): BuilderFor =>
  (step, of) =>
    new LocalBuilder(step, { ...context, ...of });
