/** Paths of the layered shards of a tree, and of their lists, in a run. */
import path from "node:path";
import type { UnitMetadata } from "../../model/unit.ts";

/** NUL-terminated paths that the site had deleted and unpacking all shards creates: to be removed afterwards. */
export const DEAD_LIST = "deleted.list";
/** NUL-terminated `@seconds` and path of every directory, to set its time at the end. */
export const DIRECTORY_TIMES = "directories.list";

/** Returns the list of a shard's entries, relative to the run. */
export const listOf = (layers: string, shard: string): string => `${layers}/${shard}.files.jsonl`;

/** Returns the directory of a shard's layers, relative to the run; undefined for any other unit. */
export function layersOf(metadata: UnitMetadata): string | undefined {
  const layers = metadata["layers"];
  return typeof layers === "string" && path.posix.normalize(layers).startsWith(`${metadata.step}/`)
    ? layers
    : undefined;
}

/** Returns the name of all shards of a tree: `archives` for the audio cache, else the name of the tree. */
export const layersName = (layers: string): string => path.posix.basename(layers);

/** Returns the name of a unit; of a shard, that of its tree. */
export function unitName(metadata: UnitMetadata): string {
  const layers = layersOf(metadata);
  return layers === undefined ? metadata.unit : layersName(layers);
}

/** Separates single units from shards, which are grouped by the directory of their layers. */
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
