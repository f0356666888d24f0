/** Fingerprints the input of a bundle by `lstat`, without opening a file, to decide whether it can be reused. */
import { fingerprintTree, type Plan } from "../../archive/build/fingerprint-tree.ts";
import { isPlan } from "../core/archive-walk.ts";
import type { Walk } from "../core/tree-walker.ts";
import { bundleRecipe, withMedia } from "./fingerprint.ts";
import { MediaSite } from "./media.ts";
import type { CompiledSource } from "./request.ts";

export interface BundleWalkRequest {
  readonly source: CompiledSource;
  /** The paths of `media` and `missing` that the bundle recorded last time, in any order. */
  readonly previousMedia: readonly string[] | undefined;
}

/** The walk of a bundle's trees and a look at each of its media. */
export const bundleWalk: Walk<BundleWalkRequest, Plan> = {
  kind: "bundle",
  walk: planCompiledBundle,
  isResult: isPlan,
};

/**
 * Returns the fingerprint that `buildCompiledBundle` would record now, and the counts of the trees. Without the media
 * of last time the references are not known, and the fingerprint is null.
 */
export function planCompiledBundle({ source, previousMedia }: BundleWalkRequest): Plan {
  const started = Date.now();
  const { trees, exclude } = source;
  const { input, failures, links } = fingerprintTree({ roots: trees, exclude, recipe: bundleRecipe(source) });
  if (previousMedia === undefined) return { input: { ...input, fingerprint: null }, failures, links };
  const site = new MediaSite(source);
  const media = previousMedia.map((path) => [path, site.look(site.absolute(path))] as const);
  return { input: { ...input, fingerprint: withMedia(input.fingerprint, media, started) }, failures, links };
}
