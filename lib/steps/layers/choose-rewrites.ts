/**
 * The layers of a tree in shards: a new or changed entry goes to a new shard, and for every path the shard with the
 * highest number that lists it is the one that counts. This module decides where each entry of the site belongs;
 * nothing is written here.
 */
import type { BytePath, Entry } from "../../archive/entry.ts";
import type { ExtensionCounts } from "../../archive/extensions.ts";
import { entryId, readEntryList, type ListedEntry } from "../../archive/entry-list.ts";
import { comparePaths } from "../../archive/tree/walk.ts";

/** A shard of an earlier run. */
export interface Layer {
  readonly number: number;
  /** The file that lists its entries, in walk order. */
  readonly list: string;
}

/** An entry of the site and the shard that holds it as it is; null: no shard does. */
export interface Placed {
  readonly kind: "entry";
  readonly path: BytePath;
  readonly size: number;
  readonly isFile: boolean;
  readonly home: number | null;
}

/** Listed entries of a shard that the site has changed or deleted. `gone`: the path no longer exists. */
export interface Superseded {
  readonly kind: "dead";
  readonly path: BytePath;
  readonly size: number;
  readonly shard: number;
  readonly gone: boolean;
  /**
   * A directory has taken the place of something else, or something else that of a directory: unpacking one over the
   * other would fail.
   */
  readonly conflict: boolean;
}

interface Cursor {
  readonly number: number;
  readonly lines: Iterator<ListedEntry>;
  current: ListedEntry | undefined;
}

/**
 * Merges the site's entries (in walk order) with the lists of the layers, path by path. Memory is one line a layer. A
 * path for which `unknown` says true could not be looked at: what is listed of it stays as it is.
 */
export function* placeEntries(
  entries: Iterable<Entry>,
  layers: readonly Layer[],
  unknown: (path: BytePath) => boolean,
): Generator<Placed | Superseded> {
  const cursors = layers.map(({ number, list }): Cursor => {
    const lines = readEntryList(list)[Symbol.iterator]();
    return { number, lines, current: nextOf(lines) };
  });
  const site = entries[Symbol.iterator]();
  let entry = nextOf(site);
  /** The last entry of the site that is not a directory: what is listed below it can't be unpacked any more. */
  let leaf: BytePath | undefined;
  for (let path = lowest(entry, cursors); path !== undefined; path = lowest(entry, cursors)) {
    const here = entry?.path === path ? entry : undefined;
    const listed = cursors.filter((cursor) => cursor.current?.path === path);
    const top = listed.reduce<Cursor | undefined>(
      (best, cursor) => (best === undefined || cursor.number > best.number ? cursor : best),
      undefined,
    );
    const keeps = here === undefined ? unknown(path) : top?.current?.id !== null && top?.current?.id === entryId(here);
    const listedAsFile = top?.current?.type === "file";
    for (const cursor of listed) {
      const size = cursor.current?.size ?? 0;
      const conflict =
        here === undefined
          ? leaf !== undefined && path.startsWith(`${leaf}/`)
          : (cursor.current?.type === "directory") !== (here.type === "directory");
      if (!(keeps && cursor === top))
        yield { kind: "dead", path, size, shard: cursor.number, gone: here === undefined && !keeps, conflict };
      cursor.current = nextOf(cursor.lines);
    }
    if (here !== undefined) {
      yield {
        kind: "entry",
        path,
        size: here.type === "file" ? here.size : 0,
        isFile: here.type === "file",
        home: keeps && top !== undefined ? top.number : null,
      };
      if (here.type !== "directory") leaf = path;
      entry = nextOf(site);
    } else if (keeps && top !== undefined) {
      yield { kind: "entry", path, size: 0, isFile: listedAsFile, home: top.number };
    }
  }
}

function nextOf<T>(items: Iterator<T>): T | undefined {
  const result = items.next();
  return result.done === true ? undefined : result.value;
}

function lowest(entry: Entry | undefined, cursors: readonly Cursor[]): BytePath | undefined {
  let path = entry?.path;
  for (const { current } of cursors)
    if (current !== undefined && (path === undefined || comparePaths(current.path, path) < 0)) path = current.path;
  return path;
}

/** The part of a shard that the site still has. */
export interface LayerState {
  live: number;
  liveBytes: number;
  readonly files: ExtensionCounts;
  deadBytes: number;
}

/** More than this part of a full shard must be dead before it is written again. */
const COMPACT_ABOVE = 0.3;

/**
 * Chooses the earlier shards to rewrite, by their live bytes and the number of new bytes. The newest shards are merged
 * while each is no larger than the bytes merged so far and all fit into one shard: there are never many small ones, and
 * each byte is moved a few times only. Of the full shards the one with the most dead bytes is rewritten, at most one a
 * run. Shards without live bytes are dropped. Without new bytes and shards that are too dead, nothing is written.
 */
export function chooseRewrites(
  states: ReadonlyMap<number, LayerState>,
  freshBytes: number,
  shardBytes: number,
): Set<number> {
  const rewrites = new Set<number>();
  const alive = [...states].filter(([, state]) => state.live > 0).toSorted(([a], [b]) => b - a);
  let pile = freshBytes;
  for (const [number, state] of alive) {
    if (freshBytes === 0 || state.liveBytes > pile || pile + state.liveBytes > shardBytes) break;
    rewrites.add(number);
    pile += state.liveBytes;
  }
  const deadPart = (state: LayerState): number => state.deadBytes / Math.max(1, state.deadBytes + state.liveBytes);
  const [worst] = alive
    .filter(([number]) => !rewrites.has(number))
    .toSorted(([, a], [, b]) => deadPart(b) - deadPart(a));
  if (worst !== undefined && deadPart(worst[1]) > COMPACT_ABOVE) rewrites.add(worst[0]);
  return rewrites;
}
