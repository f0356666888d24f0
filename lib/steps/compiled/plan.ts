/** Fingerprints the input of a bundle by `lstat`, without opening a file, to decide whether it can be reused. */
import { fingerprintTree, type Plan } from "../../archive/build/fingerprint-tree.ts";
import { bundleRecipe, withMedia } from "./fingerprint.ts";
import { MediaSite } from "./media.ts";
import type { CompiledSource } from "./request.ts";

/**
 * The fingerprint that `buildCompiledBundle` would record now; the counts are those of the trees. `previousMedia` is
 * what it recorded last time: the paths of `media` and of `missing`, in any order. Without it the references are not
 * known and the fingerprint is null.
 */
export function planCompiledBundle(source: CompiledSource, previousMedia?: readonly string[]): Plan {
  const started = Date.now();
  const { input, failures, links } = fingerprintTree(source.trees, source.exclude, bundleRecipe(source));
  if (previousMedia === undefined) return { input: { ...input, fingerprint: null }, failures, links };
  const site = new MediaSite(source);
  const media = previousMedia.map((path) => [path, site.look(site.absolute(path))] as const);
  return { input: { ...input, fingerprint: withMedia(input.fingerprint, media, started) }, failures, links };
}
