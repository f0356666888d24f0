/** `snapshots`: whole groups of trees as one tgz each; a coarse safety net beside the units. */
import { statSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { archivePlan, planArchive, type ArchiveSource } from "../core/archive-unit.ts";
import type { Step } from "../core/step.ts";
import { runStep } from "../core/run-step.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { templateBase } from "../claims/path-template.ts";
import type { UnitPlan } from "../core/unit-runner.ts";

export const snapshotsStep: Step = {
  name: "snapshots",
  isConfigured: (config) => groups(config).length > 0,
  names: async ({ config }) => groups(config).map((group) => group.unit),
  run: async (context) => {
    await runStep(context, "snapshots", async (runner, workers) => {
      const selected = groups(context.config).filter((group) => runner.selects(group.unit));
      runner.counters.expected = selected.length;
      const plans: UnitPlan[] = [];
      for (const { unit, paths } of selected) {
        const directory = `snapshots/${unit}`;
        const there = paths.filter((one) => {
          try {
            checkTree(context.config, one);
            return true;
          } catch (error) {
            runner.failPart(one, error);
            return false;
          }
        });
        try {
          const source: ArchiveSource = {
            format: "tgz",
            artifact: `${directory}.tgz`,
            roots: there.map((one) => ({
              path: fromString(path.resolve(context.config.root, one)),
              prefix: fromString(prefixOf(context.config.root, one)),
            })),
          };
          if (there.length === 0) throw new HoldfastError("E_MISSING", `none of the trees of ${unit} exists`);
          plans.push({
            unit,
            directory,
            outputs: [source.artifact],
            ...archivePlan(context, workers, source, await planArchive(context, source)),
          });
        } catch (error) {
          runner.failUnit(unit, directory, error);
        }
      }
      await runner.runAll(plans);
    });
  },
};

function checkTree(config: SiteConfig, tree: string): void {
  const place = path.resolve(config.root, tree);
  if (statSync(place, { throwIfNoEntry: false }) === undefined)
    throw new HoldfastError("E_MISSING", `${tree} does not exist under ${config.root}`);
  assertOwnTree(config, place);
}

/** Returns the prefix of a tree in the archive: its path below the root, or below `/` outside of it. */
function prefixOf(root: string, tree: string): string {
  const relative = path.relative(root, path.resolve(root, tree));
  return relative.startsWith("..") ? path.relative("/", path.resolve(root, tree)) : relative;
}

/** The groups that the config asks for, each with its trees. */
function groups(config: SiteConfig): { unit: string; paths: readonly string[] }[] {
  const { snapshots, projects } = config;
  if (snapshots === undefined) return [];
  const source = projects?.source;
  const trees = source !== undefined && "path" in source ? [templateBase(source.path)] : [];
  return [
    ...(snapshots.media.length > 0 ? [{ unit: "full_media_tree", paths: snapshots.media }] : []),
    ...(snapshots.projects && trees.length > 0 ? [{ unit: "full_projects_tree", paths: trees }] : []),
  ];
}
