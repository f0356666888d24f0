/** The fingerprint of a bundle: of its trees, and of the media that its pages refer to. */
import { createHash } from "node:crypto";
import { FingerprintBuilder } from "../../archive/fingerprint.ts";
import type { MediaState } from "./media.ts";
import type { CompiledSource } from "./request.ts";

/**
 * Another way of rewriting gives other bundles: with a change of what the code here does to a page, this number goes
 * up.
 */
const REWRITING = 1;

/** Returns the recipe of a bundle: everything that changes its bytes except trees and media. */
export function bundleRecipe({ recipe, trees, media, pages, project }: CompiledSource): string {
  const templates = [...media.flatMap((one) => [one.url, one.path]), pages?.url ?? ""];
  const fields = Object.entries(project)
    .filter(([name]) => templates.some((template) => template.includes(`{${name}}`)))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([recipe, REWRITING, trees.map((tree) => [tree.textType, tree.prefix]), templates, fields]);
}

/**
 * Adds the media, by their recorded paths and in any order, to the fingerprint of the trees. Null when that is null, or
 * when one of the media changed within two seconds of `startedMs`.
 */
export function withMedia(
  trees: string | null,
  media: Iterable<readonly [string, MediaState]>,
  startedMs: number,
): string | null {
  const states = [...media].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const absent = states.flatMap(([path, state]) => ("entry" in state ? [] : [[path, state]]));
  const builder = new FingerprintBuilder(JSON.stringify(["media", absent]));
  for (const [path, state] of states) if ("entry" in state) builder.add({ ...state.entry, path });
  const { fingerprint } = builder.finish(startedMs);
  if (trees === null || fingerprint === null) return null;
  return createHash("sha256").update(`${trees}\0${fingerprint}`).digest("hex");
}
