/** The steps in the order in which they run beside the dump. */
import { audioStep } from "./audio/step.ts";
import { compiledStep } from "./compiled/step.ts";
import type { Step } from "./core/step.ts";
import { dbStep } from "./db.ts";
import { infraStep } from "./infra/step.ts";
import { legacyStep } from "./legacy-zips.ts";
import { portableStep } from "./portable.ts";
import { snapshotsStep } from "./snapshots.ts";
import { sourceStep } from "./source-exports.ts";
import { treesStep } from "./trees/step.ts";

export const STEPS: readonly Step[] = [
  dbStep,
  sourceStep,
  compiledStep,
  legacyStep,
  audioStep,
  portableStep,
  snapshotsStep,
  treesStep,
  infraStep,
];
