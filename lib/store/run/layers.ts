/** Shards of one tree, in layers: where they and their lists lie in a run. */
import path from "node:path";
import type { UnitMetadata } from "../../model/unit.ts";

/** Paths, each ended by a NUL, that unpacking all shards brings back and that the site had no more: to be removed after it. */
export const DEAD_LIST = "deleted.list";
/** `@seconds` and path of every directory, each ended by a NUL: their times when all that is done. */
export const DIRECTORY_TIMES = "directories.list";

/** The list of the entries of a shard, relative to the run. */
export const listOf = (layers: string, shard: string): string => `${layers}/${shard}.files.jsonl`;

/** The directory of the layers that a unit is one of, relative to the run; undefined for a unit that is no shard. */
export function layersOf(metadata: UnitMetadata): string | undefined {
  const layers = metadata["layers"];
  return typeof layers === "string" && path.posix.normalize(layers).startsWith(`${metadata.step}/`)
    ? layers
    : undefined;
}

/** What all shards of a tree together are called: `archives` of the audio cache, else the name of the tree. */
export const layersName = (layers: string): string => path.posix.basename(layers);

/** Sorts units into single ones and groups of shards, by the directory of their layers. */
export function groupLayers(units: readonly UnitMetadata[]): {
  readonly single: UnitMetadata[];
  readonly layered: ReadonlyMap<string, UnitMetadata[]>;
} {
  const single: UnitMetadata[] = [];
  const layered = new Map<string, UnitMetadata[]>();
  for (const unit of units) {
    const layers = layersOf(unit);
    if (layers === undefined) single.push(unit);
    else layered.set(layers, [...(layered.get(layers) ?? []), unit]);
  }
  return { single, layered };
}
