/** The directories that hold the trees of several units: they come back though no archive holds them. */
import { statSync } from "node:fs";
import path from "node:path";
import { isBelow } from "../../archive/path.ts";
import { claimsOf } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { StepName } from "../../model/unit.ts";
import { templateBase } from "./path-template.ts";
import { treeKinds } from "./project-trees.ts";

const TREES: ReadonlySet<StepName> = new Set(["snapshots", "trees", "audio_cache", "legacy_zips"]);

/**
 * Lists the directories of projects, legacy trees and shards that exist, as absolute paths. One of projects that lies
 * in another tree is a directory of that tree like any other; of legacy trees and shards nothing is.
 */
export function containersOf(config: SiteConfig): string[] {
  const absolute = (directory: string): string => path.resolve(config.root, directory);
  const trees = claimsOf(config).filter(({ step }) => TREES.has(step));
  const bases = treeKinds(config)
    .map(({ template }) => absolute(templateBase(template)))
    .filter((base) => !trees.some((tree) => base === tree.path || isBelow(base, tree.path)));
  const others = [config.legacy, config.audio_cache].flatMap((one) => (one === undefined ? [] : absolute(one.path)));
  return [...bases, ...others].filter((one) => statSync(one, { throwIfNoEntry: false })?.isDirectory() === true);
}
