/** The trees of a site and the units that they become. */
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString } from "../../archive/path.ts";
import { treeName } from "../../config/claims.ts";
import { treeSettings, type TreeSettings } from "../../config/settings/trees.ts";
import { unitDirectories } from "../../store/run/unit-name.ts";
import type { StepContext } from "../core/context.ts";
import type { TreeWalker } from "../core/tree-walker.ts";
import { linkedPlaces } from "./linked.ts";

/** A tree and the unit that it becomes. */
export interface NamedTree {
  readonly unit: string;
  /** The name of the unit's directory. */
  readonly unitDirectory: string;
  /** Absolute. */
  readonly root: BytePath;
  readonly settings: TreeSettings;
}

/** Lists the trees that the config names, and with `follow_links` those that links lead to. */
export async function treesOf(
  { config, claims }: Pick<StepContext, "config" | "claims">,
  walker: TreeWalker,
): Promise<NamedTree[]> {
  const named = config.trees.map((settings) => ({
    unit: treeName(config, settings),
    root: fromString(path.resolve(config.root, settings.path)),
    settings,
  }));
  const linked = config.follow_links ? await linkedPlaces(claims, walker) : [];
  const found = linked.map((root) => ({
    unit: `linked${display(root).replaceAll("/", "_")}`,
    root,
    settings: treeSettings("."),
  }));
  const all = [...named, ...found];
  const directories = unitDirectories(all.map(({ unit }) => fromString(unit)));
  return all.map((tree) => ({ ...tree, unitDirectory: directories.get(fromString(tree.unit)) ?? tree.unit }));
}
