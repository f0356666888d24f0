/**
 * `trees`: directories and files that the config names one by one, each a unit: one archive, or above a size layered
 * shards.
 */
import { statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import type { ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { basename, display, toBuffer } from "../../archive/path.ts";
import type { TreeSettings } from "../../config/settings/trees.ts";
import { HoldfastError } from "../../errors.ts";
import {
  archivePlan,
  buildArchiveUnit,
  planArchive,
  type ArchiveRequest,
  type ArchiveSource,
} from "../core/archive-unit.ts";
import type { StepContext } from "../core/context.ts";
import { TreeWalker } from "../core/tree-walker.ts";
import type { PlanTools, Step } from "../core/step.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { buildShard, planLayers, type ShardRequest } from "../layers/plan.ts";
import type { UnitPlan } from "../core/unit-plan.ts";
import { treesOf, type NamedTree } from "./named.ts";

const MEGABYTE = 1024 * 1024;

export const treesStep: Step = {
  name: "trees",
  isConfigured: (config) => config.trees.length > 0 || config.follow_links,
  names: async (context) => (await treesOf(context, new TreeWalker(0, context.signal))).map(({ unit }) => unit),
  // `follow_links` makes units of what links of the other steps' trees lead to.
  plannedLast: true,
  plan: async (context, tools) => {
    const { record, walker, addEach } = tools;
    const selected = (await treesOf(context, walker)).filter(({ unit }) => record.selects(unit));
    let units = 0;
    const plan = async (tree: NamedTree): Promise<UnitPlan[]> => {
      const plans = await planTree(context, tools, tree);
      units += plans.length;
      return plans;
    };
    await addEach(selected, plan, (tree, error) => {
      units++;
      record.failUnit(tree.unit, `trees/${tree.unitDirectory}`, error);
    });
    record.counters.expected = units;
  },
  build: async (context, request: ArchiveRequest | ShardRequest, tools) =>
    request.kind === "shard"
      ? await buildShard(context, request, tools)
      : await buildArchiveUnit(context, request, tools),
};

async function planTree(
  context: StepContext,
  tools: PlanTools,
  { unit, unitDirectory, root, settings }: NamedTree,
): Promise<UnitPlan[]> {
  const found = statSync(toBuffer(root), { throwIfNoEntry: false });
  if (found === undefined) throw missing(root);
  if (!unit.startsWith("linked_")) assertOwnTree(context.config, path.resolve(context.config.root, settings.path));
  const rules = rulesOf(settings);
  const directory = `trees/${unitDirectory}`;
  const source: ArchiveSource = {
    format: "tgz",
    artifact: `${directory}/tree.tgz`,
    choice: `tgz, shards above ${settings.shard_above_mb} MB`,
    roots: [
      { path: root, prefix: found.isDirectory() ? "" : basename(root), ...(rules === undefined ? {} : { rules }) },
    ],
  };
  const planned = await planArchive(context, tools.walker, source);
  if (found.isDirectory() && planned.input.bytes > settings.shard_above_mb * MEGABYTE)
    return await planLayers(context, tools, {
      step: "trees",
      unit,
      directory,
      root,
      shardName: (number) => `${unitDirectory}_part_${String(number).padStart(4, "0")}`,
      shardBytes: settings.shard_size_mb * MEGABYTE,
      ...(rules === undefined ? {} : { rules }),
      recipe: "tree shard 1",
    });
  const fresh = rules === undefined ? {} : { fresh: { exclude: rules } };
  return [{ unit, directory, ...fresh, ...archivePlan(context, source, planned) }];
}

function rulesOf({ exclude, exclude_caches, exclude_if_present }: TreeSettings): ExcludeRules | undefined {
  return exclude.length === 0 && !exclude_caches && exclude_if_present.length === 0
    ? undefined
    : { patterns: exclude, caches: exclude_caches, markers: exclude_if_present };
}

const missing = (root: BytePath): HoldfastError =>
  new HoldfastError("E_MISSING", `${display(root)} does not exist`, {
    hint: "correct trees in the config, or mount its disk",
  });
