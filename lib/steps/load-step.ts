/** One step, loaded by itself: a step's process needs none of the others. */
import type { StepName } from "../model/unit.ts";
import type { Step } from "./core/step.ts";

const LOADERS: Readonly<Partial<Record<StepName, () => Promise<Step>>>> = {
  db: async () => (await import("./db.ts")).dbStep,
  source_exports: async () => (await import("./source-exports.ts")).sourceStep,
  compiled_exports: async () => (await import("./compiled/step.ts")).compiledStep,
  legacy_zips: async () => (await import("./legacy-zips.ts")).legacyStep,
  audio_cache: async () => (await import("./audio/step.ts")).audioStep,
  portable: async () => (await import("./portable.ts")).portableStep,
  snapshots: async () => (await import("./snapshots.ts")).snapshotsStep,
  trees: async () => (await import("./trees/step.ts")).treesStep,
  infra: async () => (await import("./infra/step.ts")).infraStep,
};

/** The step of a name; undefined for one that cannot be backed up. */
export const loadStep = async (name: StepName): Promise<Step | undefined> => await LOADERS[name]?.();
