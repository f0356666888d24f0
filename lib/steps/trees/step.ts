/**
 * `trees`: directories and files that the config names one by one, each a unit: one archive, or above a size layered
 * shards.
 */
import { statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import type { ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { basename, display, toBuffer } from "../../archive/path.ts";
import type { TreeSettings } from "../../config/tree-settings.ts";
import { HoldfastError, isDiskFull } from "../../errors.ts";
import { archivePlan, planArchive, type ArchiveSource } from "../core/archive-unit.ts";
import type { StepWorkers } from "../core/workers.ts";
import type { Step, StepContext } from "../core/step.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { planLayers } from "../layers/plan.ts";
import { runStep } from "../core/run-step.ts";
import type { UnitPlan, UnitRunner } from "../core/unit-runner.ts";
import { treesOf, type NamedTree } from "./named.ts";

const MEGABYTE = 1024 * 1024;

export const treesStep: Step = {
  name: "trees",
  isConfigured: (config) => config.trees.length > 0 || config.follow_links,
  names: async (context) => (await treesOf(context)).map(({ unit }) => unit),
  run: async (context) => {
    await runStep(context, "trees", async (runner, workers) => {
      const selected = (await treesOf(context)).filter(({ unit }) => runner.selects(unit));
      const plans: UnitPlan[] = [];
      let failed = 0;
      for (const tree of selected) {
        try {
          plans.push(...(await planTree(context, runner, workers, tree)));
        } catch (error) {
          if (isDiskFull(error)) throw error;
          failed++;
          runner.failUnit(tree.unit, `trees/${tree.unitDirectory}`, error);
        }
      }
      runner.counters.expected = plans.length + failed;
      await runner.runAll(plans);
    });
  },
};

async function planTree(
  context: StepContext,
  runner: UnitRunner,
  workers: StepWorkers,
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
  const planned = await planArchive(context, source);
  if (found.isDirectory() && planned.input.bytes > settings.shard_above_mb * MEGABYTE)
    return await planLayers(context, runner, workers, {
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
  return [{ unit, directory, ...fresh, ...archivePlan(context, workers, source, planned) }];
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
