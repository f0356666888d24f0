/** `snapshots`: whole groups of trees as one tgz each; a coarse safety net beside the units. */
import { statSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import {
  archivePlan,
  buildArchiveUnit,
  planArchive,
  type ArchiveRequest,
  type ArchiveSource,
} from "../core/archive-unit.ts";
import type { StepContext } from "../core/context.ts";
import type { PlanTools, Step } from "../core/step.ts";
import { assertOwnTree } from "../claims/paths.ts";
import { templateBase } from "../claims/path-template.ts";
import type { UnitPlan } from "../core/unit-plan.ts";

export const snapshotsStep: Step = {
  name: "snapshots",
  isConfigured: (config) => groups(config).length > 0,
  names: async ({ config }) => groups(config).map((group) => group.unit),
  plan: async (context, tools) => {
    const selected = groups(context.config).filter((group) => tools.record.selects(group.unit));
    tools.record.counters.expected = selected.length;
    await tools.addEach(
      selected,
      async (group) => [await planGroup(context, tools, group)],
      ({ unit }, error) => tools.record.failUnit(unit, directoryOf(unit), error),
    );
  },
  build: async (context, request: ArchiveRequest, tools) => await buildArchiveUnit(context, request, tools),
};

const directoryOf = (unit: string): string => `snapshots/${unit}`;

/** Plans the snapshot of the trees of a group that are there; a missing one is recorded. */
async function planGroup(
  context: StepContext,
  { record, walker }: PlanTools,
  { unit, paths }: Group,
): Promise<UnitPlan> {
  const directory = directoryOf(unit);
  const there = paths.filter((one) => {
    try {
      checkTree(context.config, one);
      return true;
    } catch (error) {
      record.failPart(one, error);
      return false;
    }
  });
  const source: ArchiveSource = {
    format: "tgz",
    artifact: `${directory}.tgz`,
    roots: there.map((one) => ({
      path: fromString(path.resolve(context.config.root, one)),
      prefix: fromString(prefixOf(context.config.root, one)),
    })),
  };
  if (there.length === 0) throw new HoldfastError("E_MISSING", `none of the trees of ${unit} exists`);
  const planned = await planArchive(context, walker, source);
  return { unit, directory, outputs: [source.artifact], ...archivePlan(context, source, planned) };
}

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

/** A snapshot and its trees. */
interface Group {
  readonly unit: string;
  readonly paths: readonly string[];
}

/** Returns the groups that the config asks for. */
function groups(config: SiteConfig): Group[] {
  const { snapshots, projects } = config;
  if (snapshots === undefined) return [];
  const source = projects?.source;
  const trees = source !== undefined && "path" in source ? [templateBase(source.path)] : [];
  return [
    ...(snapshots.media.length > 0 ? [{ unit: "full_media_tree", paths: snapshots.media }] : []),
    ...(snapshots.projects && trees.length > 0 ? [{ unit: "full_projects_tree", paths: trees }] : []),
  ];
}
