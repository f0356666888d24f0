/** The steps in the order in which they run beside the dump. */
import type { StepName } from "../model/unit.ts";
import { audioStep } from "./audio/step.ts";
import { compiledStep } from "./compiled/step.ts";
import type { Step } from "./context.ts";
import { dbStep } from "./db.ts";
import { infraStep } from "./infra/step.ts";
import { legacyStep } from "./legacy.ts";
import { snapshotsStep } from "./snapshots.ts";
import { sourceStep } from "./source.ts";

export const STEPS: readonly Step[] = [
  dbStep,
  sourceStep,
  compiledStep,
  legacyStep,
  audioStep,
  snapshotsStep,
  infraStep,
];

/** The step of a name, which must be one that can be backed up. */
export const stepNamed = (name: StepName): Step | undefined => STEPS.find((step) => step.name === name);
