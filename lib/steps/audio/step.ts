/** `audio_cache`: the cache's databases as one unit, its files as shards in layers. */
import { statSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { fileExists } from "../../archive/tree/path-exists.ts";
import { HoldfastError } from "../../errors.ts";
import { throwIfRunEnds, type StepContext } from "../core/context.ts";
import type { PlanTools, Step } from "../core/step.ts";
import type { StepRecord } from "../core/record.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { buildShard, planLayers, type ShardRequest } from "../layers/plan.ts";
import type { UnitPlan } from "../core/unit-plan.ts";
import { copyDatabases, ORM_DB, planDatabases, type DatabasesRequest } from "./databases.ts";

const MEGABYTE = 1024 * 1024;
/** The name of all shards for `--only` and `--skip`. */
const ARCHIVES = "archives";
const DIRECTORY = `audio_cache/${ARCHIVES}`;

export const audioStep: Step = {
  name: "audio_cache",
  isConfigured: (config) => config.audio_cache !== undefined,
  names: async () => [ORM_DB, ARCHIVES],
  plan: async (context, tools) => {
    const { record } = tools;
    const plans: UnitPlan[] = [];
    if (record.selects(ORM_DB)) plans.push(...planOrmDb(context, record));
    if (record.selects(ARCHIVES)) {
      try {
        plans.push(...(await planArchives(context, tools)));
      } catch (error) {
        throwIfRunEnds(context, error);
        // The databases can be had all the same.
        record.failPart(ARCHIVES, error);
      }
    }
    record.counters.expected = plans.length;
    for (const plan of plans) await tools.add(plan);
  },
  build: async (context, request: DatabasesRequest | ShardRequest, tools) =>
    request.kind === "shard" ? await buildShard(context, request, tools) : await copyDatabases(context, request),
};

/** Notes a missing database that no backup has; one that has vanished since is a failure. */
function planOrmDb(context: StepContext, record: StepRecord): UnitPlan[] {
  const { config, previous } = context;
  const configured = (config.audio_cache?.databases ?? []).map((file) => path.resolve(config.root, file));
  const known =
    previous
      .find("audio_cache", `audio_cache/${ORM_DB}`)
      ?.metadata.artifacts.map((artifact) => path.basename(artifact.path)) ?? [];
  const there = configured.filter(fileExists);
  for (const file of configured.filter((one) => !there.includes(one))) {
    const error = new HoldfastError("E_MISSING", `${file} does not exist`);
    if (there.length === 0 || known.includes(path.basename(file))) record.failPart(path.basename(file), error);
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
async function planArchives(context: StepContext, tools: PlanTools): Promise<UnitPlan[]> {
  const { config } = context;
  const settings = config.audio_cache;
  if (settings === undefined) return [];
  assertOwnTree(config, path.resolve(config.root, settings.path));
  return await planLayers(context, tools, {
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
