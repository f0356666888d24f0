/** The directories that hold the trees of several units: they come back though no archive holds them. */
import path from "node:path";
import { claimsOf } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { templateBase } from "../template.ts";
import { isBelow } from "./paths.ts";
import { treeKinds } from "./project-trees.ts";

/**
 * Lists the configured directories of projects, legacy trees and shards, as absolute paths. One of projects that lies in another tree is
 * a directory of that tree like any other; of legacy trees and shards nothing is.
 */
export function containersOf(config: SiteConfig): string[] {
  const absolute = (directory: string): string => path.resolve(config.root, directory);
  const trees = claimsOf(config).filter(({ step }) => ["snapshots", "trees", "audio_cache"].includes(step));
  const bases = treeKinds(config)
    .map(({ template }) => absolute(templateBase(template)))
    .filter((base) => !trees.some((tree) => base === tree.path || isBelow(base, tree.path)));
  return [
    ...bases,
    ...(config.legacy === undefined ? [] : [absolute(config.legacy.path)]),
    ...(config.audio_cache === undefined ? [] : [absolute(config.audio_cache.path)]),
  ];
}
