/** `audio_cache`: the cache's databases as one unit, its files as shards in layers. */
import { statSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { fileExists } from "../../archive/tree/path-exists.ts";
import { HoldfastError, isDiskFull } from "../../errors.ts";
import type { StepWorkers } from "../core/workers.ts";
import type { Step, StepContext } from "../core/step.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { planLayers } from "../layers/plan.ts";
import { runStep } from "../core/run-step.ts";
import type { UnitPlan, UnitRunner } from "../core/unit-runner.ts";
import { ORM_DB, planDatabases } from "./databases.ts";

const MEGABYTE = 1024 * 1024;
/** The name of all shards for `--only` and `--skip`. */
const ARCHIVES = "archives";
const DIRECTORY = `audio_cache/${ARCHIVES}`;
export const audioStep: Step = {
  name: "audio_cache",
  isConfigured: (config) => config.audio_cache !== undefined,
  names: async () => [ORM_DB, ARCHIVES],
  run: async (context) => {
    await runStep(context, "audio_cache", async (runner, workers) => {
      const plans: UnitPlan[] = [];
      if (runner.selects(ORM_DB)) plans.push(...planOrmDb(context, runner));
      if (runner.selects(ARCHIVES)) {
        try {
          plans.push(...(await planArchives(context, runner, workers)));
        } catch (error) {
          if (isDiskFull(error)) throw error;
          // The databases can be had all the same.
          runner.failPart(ARCHIVES, error);
        }
      }
      runner.counters.expected = plans.length;
      await runner.runAll(plans);
    });
  },
};

/** Notes a missing database that no backup has; one that has vanished since is a failure. */
function planOrmDb(context: StepContext, runner: UnitRunner): UnitPlan[] {
  const { config, previous } = context;
  const configured = (config.audio_cache?.databases ?? []).map((file) => path.resolve(config.root, file));
  const known =
    previous
      .find("audio_cache", `audio_cache/${ORM_DB}`)
      ?.metadata.artifacts.map((artifact) => path.basename(artifact.path)) ?? [];
  const there = configured.filter(fileExists);
  for (const file of configured.filter((one) => !there.includes(one))) {
    const error = new HoldfastError("E_MISSING", `${file} does not exist`);
    if (there.length === 0 || known.includes(path.basename(file))) runner.failPart(path.basename(file), error);
    else
      context.report({
        type: "note",
        level: "warning",
        text: `audio_cache: ${file} does not exist; the other databases are backed up`,
      });
  }
  return there.length === 0 ? [] : [planDatabases(context, there)];
}

/** The cache's files as layered shards. */
async function planArchives(context: StepContext, runner: UnitRunner, workers: StepWorkers): Promise<UnitPlan[]> {
  const { config } = context;
  const settings = config.audio_cache;
  if (settings === undefined) return [];
  assertOwnTree(config, path.resolve(config.root, settings.path));
  return await planLayers(context, runner, workers, {
    step: "audio_cache",
    unit: ARCHIVES,
    directory: DIRECTORY,
    root: fromString(checkRoot(path.resolve(config.root, settings.path))),
    shardName: (number) => `tts_audio_part_${String(number).padStart(4, "0")}`,
    shardBytes: settings.shard_size_mb * MEGABYTE,
    recipe: "audio shard 1",
  });
}

/** The cache's directory under the name that it has on the site, also where that is a link. */
function checkRoot(configured: string): string {
  if (statSync(configured, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new HoldfastError("E_MISSING", `the audio cache ${configured} is not a directory`, {
      hint: "correct audio_cache.path, or mount its disk",
    });
  }
  return configured;
}
