/** `legacy_zips`: one unit for each top-level directory of the old content, and one for the loose files beside them. */
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../archive/entry.ts";
import { display, fromString, isUtf8, join, toBuffer } from "../archive/path.ts";
import { RESTORE_PREFIX } from "../archive/tree/walk.ts";
import { HoldfastError } from "../errors.ts";
import { LOOSE_FILES, unitDirectories, unitName } from "../store/run/unit-name.ts";
import { assertOwnTree } from "./claims/paths.ts";
import {
  archivePlan,
  buildArchiveUnit,
  planArchive,
  type ArchiveRequest,
  type ArchiveSource,
} from "./core/archive-unit.ts";
import type { StepContext } from "./core/context.ts";
import type { Step } from "./core/step.ts";
import type { TreeWalker } from "./core/tree-walker.ts";
import type { UnitPlan } from "./core/unit-plan.ts";

const MEGABYTE = 1024 * 1024;

export const legacyStep: Step = {
  name: "legacy_zips",
  isConfigured: (config) => config.legacy !== undefined,
  names: async (context) => (await listLegacy(context)).map((tree) => tree.unit),
  plan: async (context, { record, walker, addEach }) => {
    const trees = (await listLegacy(context)).filter((tree) => record.selects(tree.unit));
    record.counters.expected = trees.length;
    await addEach(
      trees,
      async (tree) => [await planTree(context, walker, tree)],
      (tree, error) => record.failUnit(tree.unit, tree.directory, error),
    );
  },
  build: async (context, request: ArchiveRequest, tools) => await buildArchiveUnit(context, request, tools),
};

interface LegacyTree {
  readonly unit: string;
  readonly unitB64?: string;
  readonly directory: string;
  readonly root: BytePath;
  /** The files of the top level that lie in no directory. */
  readonly loose: boolean;
}

/** Lists the units of the legacy root by name. A missing root is an error, never an empty list. */
async function listLegacy(context: StepContext): Promise<LegacyTree[]> {
  const configured = path.resolve(context.config.root, context.config.legacy?.path ?? "");
  const root = fromString(checkRoot(configured));
  assertOwnTree(context.config, configured);
  const entries = readdirSync(toBuffer(root), { withFileTypes: true, encoding: "buffer" }).filter(
    ({ name }) => !name.toString("latin1").startsWith(RESTORE_PREFIX),
  );
  const names: BytePath[] = [];
  let hasFiles = false;
  for (const entry of entries) {
    const name = entry.name.toString("latin1");
    if (await context.claims.isTaken(join(root, name))) continue;
    if (entry.isDirectory()) names.push(name);
    else hasFiles = true;
  }
  names.sort();
  const directories = unitDirectories(names);
  const trees = names.map((name) => ({
    unit: unitName(display(name)),
    ...(isUtf8(name) ? {} : { unitB64: toBuffer(name).toString("base64") }),
    directory: `legacy_zips/${directories.get(name) ?? name}`,
    root: join(root, name),
    loose: false,
  }));
  if (!hasFiles) return trees;
  return [...trees, { unit: LOOSE_FILES, directory: `legacy_zips/${LOOSE_FILES}`, root, loose: true }];
}

/** The legacy root under the name that it has on the site, also where that is a link. */
function checkRoot(configured: string): string {
  if (statSync(configured, { throwIfNoEntry: false })?.isDirectory() === true) return configured;
  throw new HoldfastError("E_MISSING", `the legacy root ${configured} is not a directory`, {
    hint: "correct legacy.path, or mount its disk",
  });
}

async function planTree(context: StepContext, walker: TreeWalker, tree: LegacyTree): Promise<UnitPlan> {
  const limit = context.config.legacy?.tgz_above_mb ?? 0;
  const zip: ArchiveSource = {
    format: "zip",
    choice: `zip, tgz above ${limit} MB`,
    artifact: `${tree.directory}/legacy.zip`,
    roots: [{ path: tree.root, prefix: "" }],
    onlyFiles: tree.loose,
  };
  const planned = await planArchive(context, walker, zip);
  const source: ArchiveSource =
    planned.input.bytes > limit * MEGABYTE ? { ...zip, format: "tgz", artifact: `${tree.directory}/legacy.tgz` } : zip;
  return {
    unit: tree.unit,
    ...(tree.unitB64 === undefined ? {} : { unitB64: tree.unitB64 }),
    directory: tree.directory,
    ...archivePlan(context, source, planned),
  };
}
