/**
 * Plans the shards of a tree: which stay, and which entries go into new ones. Lists are on disk, so that memory stays
 * flat.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import type { BytePath, Entry } from "../../archive/entry.ts";
import { floorNs } from "../../archive/fingerprint.ts";
import { join, toBuffer } from "../../archive/path.ts";
import { databaseBeside, isSharedMemory } from "../../archive/tree/sqlite-file.ts";
import { walk } from "../../archive/tree/walk.ts";
import { asHoldfastError, type HoldfastError } from "../../errors.ts";
import {
  chooseRewrites,
  placeEntries,
  type Superseded,
  type Layer,
  type LayerState,
  type Placed,
} from "./choose-rewrites.ts";

/** A shard of this run: an earlier one that stays, or the list of what a new one will hold. */
export interface ShardPlan {
  readonly number: number;
  /** The list of its entries for a shard that is to be written; of an earlier shard, what is alive of it. */
  readonly list: string;
  readonly isNew: boolean;
  readonly bytes: number;
}

export interface ShardLayout {
  readonly shards: readonly ShardPlan[];
  /** Paths that some shard holds and the site does not have any more. */
  readonly dead: readonly BytePath[];
  /**
   * A file with `@seconds` and `./path` of every directory, each ended by a NUL: unpacking layer over layer changes
   * their times.
   */
  readonly directories: string;
  /** FIFOs, sockets and devices, which no archive takes. */
  readonly dropped: readonly BytePath[];
  readonly failures: readonly { readonly path: string; readonly error: HoldfastError }[];
}

/** A tree to be laid out. */
export interface LayoutRequest {
  readonly root: BytePath;
  /** Returns true for an entry, by its path below the root, that is not part of the tree. */
  readonly exclude: (path: BytePath, entry: Entry) => boolean;
  /** Returns true for a path that belongs to another unit now: a restore of a shard must not write it. */
  readonly isTaken: (path: BytePath) => boolean;
  /** The shards of an earlier run; without any, the canonical layout is chosen. */
  readonly layers: readonly Layer[];
  /** New shards get numbers above it. */
  readonly highest: number;
  /** Input bytes of a shard, at most, but for a larger single file. */
  readonly shardBytes: number;
  /** The beginning of the paths of lists that are written. */
  readonly lists: string;
  /** Called for each symlink. */
  readonly onLink: (path: BytePath, target: BytePath) => void;
}

/** Lays out a tree. Lists are written for every shard. */
export function layOutShards(request: LayoutRequest): ShardLayout {
  const { layers, shardBytes } = request;
  const states = new Map<number, LayerState>(
    layers.map(({ number }) => [number, { live: 0, liveBytes: 0, deadBytes: 0 }]),
  );
  const conflicts = new Set<number>();
  let fresh = 0;
  let freshBytes = 0;
  const pending = new Set<BytePath>();
  for (const placed of classify(request, pending).items) {
    const state =
      placed.kind === "dead" ? states.get(placed.shard) : placed.home === null ? undefined : states.get(placed.home);
    if (placed.kind === "dead") {
      if (state !== undefined) state.deadBytes += placed.size;
      if (placed.conflict || request.isTaken(placed.path)) conflicts.add(placed.shard);
    } else if (state === undefined) {
      fresh++;
      freshBytes += placed.size;
    } else {
      state.live++;
      state.liveBytes += placed.size;
    }
  }
  fresh += pending.size;
  const rewrites = chooseRewrites(states, fresh === 0 ? 0 : Math.max(1, freshBytes), shardBytes);
  for (const number of conflicts) rewrites.add(number);
  return write(request, pending, states, rewrites);
}

/**
 * Walks the tree and says which shard holds each entry. A live database whose changes lie in a file beside it goes into
 * a new shard, whatever its own file looks like, and never the file beside it; such databases are added to `pending`.
 */
function classify(
  { root, exclude, layers }: LayoutRequest,
  pending: Set<BytePath>,
  note: (entry: Entry) => void = () => {},
) {
  const isBesideDatabase = (at: BytePath, size: number): boolean => {
    const database = databaseBeside(join(root, at));
    if (database === undefined) return false;
    if (size > 0 && !isSharedMemory(join(root, at))) pending.add(database.slice(root.length + 1));
    return true;
  };
  const failures: { path: string; error: HoldfastError }[] = [];
  const unseen: BytePath[] = [];
  const entries = walk(root, {
    exclude: (at, type, entry) => exclude(at, entry) || (type === "file" && isBesideDatabase(at, entry.size)),
    onError: (at, error) => {
      if (error.code === "ENOENT" && at !== "") return; // gone between listing and looking: as if it had never been listed
      unseen.push(at);
      failures.push({ path: toBuffer(at).toString("utf8"), error: asHoldfastError(error, "E_IO") });
    },
  });
  const unknown = (at: BytePath): boolean =>
    unseen.some((prefix) => prefix === "" || at === prefix || at.startsWith(`${prefix}/`));
  return { items: placeEntries(storable(entries, pending, note), layers, unknown), failures };
}

/** The entries that an archive can hold: another kind would be taken for new in every run. */
function* storable(
  entries: Iterable<Entry>,
  pending: ReadonlySet<BytePath>,
  note: (entry: Entry) => void,
): Generator<Entry> {
  for (const entry of entries) {
    note(entry);
    if (!["file", "directory", "symlink"].includes(entry.type)) continue;
    yield pending.has(entry.path) ? { ...entry, ino: -1n } : entry; // as no shard can have listed it
  }
}

/**
 * The second pass: writes the list of every shard, the kept ones' too, as they are needed when a kept shard proves
 * damaged.
 */
function write(
  request: LayoutRequest,
  pending: Set<BytePath>,
  states: ReadonlyMap<number, LayerState>,
  rewrites: ReadonlySet<number>,
): ShardLayout {
  const { lists, onLink } = request;
  const dead: BytePath[] = [];
  const kept = new Map<number, ListFile>();
  for (const [number, state] of states) {
    if (state.live > 0 && !rewrites.has(number)) kept.set(number, new ListFile(`${lists}-kept-${number}.list`));
  }
  const fresh: { number: number; file: ListFile }[] = [];
  const directories = new TextFile(`${lists}-directories.list`);
  const dropped: BytePath[] = [];
  const { items, failures } = classify(request, pending, ({ type, path: at, mtimeNs, target }) => {
    if (type === "directory") directories.append(`@${floorNs(mtimeNs, 1_000_000_000n)}\0./${at}\0`);
    else if (type === "symlink") onLink(at, target);
    else if (type !== "file") dropped.push(at);
  });
  for (const placed of items) {
    if (placed.kind === "dead") {
      if (placed.gone && dead.at(-1) !== placed.path && isHeld(placed, kept)) dead.push(placed.path);
      continue;
    }
    const home = placed.home === null ? undefined : kept.get(placed.home);
    (home ?? roomFor(placed, fresh, request)).add(placed);
  }
  const shards = [
    ...[...kept].map(([number, file]) => ({ number, list: file.close(), isNew: false, bytes: file.bytes })),
    ...fresh.map(({ number, file }) => ({ number, list: file.close(), isNew: true, bytes: file.bytes })),
  ];
  return { shards, dead, directories: directories.close(), dropped, failures };
}

/** A path matters as dead only while a shard that stays holds it. */
const isHeld = (placed: Superseded, kept: ReadonlyMap<number, ListFile>): boolean => kept.has(placed.shard);

function roomFor(
  placed: Placed,
  fresh: { number: number; file: ListFile }[],
  { highest, shardBytes, lists }: LayoutRequest,
): ListFile {
  const last = fresh.at(-1);
  if (last !== undefined && (last.file.bytes === 0 || last.file.bytes + placed.size <= shardBytes)) return last.file;
  const number = (last?.number ?? highest) + 1;
  const file = new ListFile(`${lists}-new-${number}.list`);
  fresh.push({ number, file });
  return file;
}

/** A file being written, one character a byte. */
class TextFile {
  readonly #name: string;
  readonly #file: number;
  #pending = "";

  constructor(name: string) {
    this.#name = name;
    this.#file = openSync(name, "w", 0o600);
  }

  append(text: string): void {
    this.#pending += text;
    if (this.#pending.length > 65_536) this.#flush();
  }

  close(): string {
    this.#flush();
    closeSync(this.#file);
    return this.#name;
  }

  #flush(): void {
    writeFileSync(this.#file, this.#pending, "latin1");
    this.#pending = "";
  }
}

/** A list of a shard's entries, one JSON document a line; what selectEntries reads. */
class ListFile extends TextFile {
  bytes = 0;

  add({ path: at, size }: Placed): void {
    this.bytes += size;
    const path_b64 = toBuffer(at).toString("base64");
    this.append(`${JSON.stringify({ path_b64, type: "", size, mtime: "", sha256: null, id: null })}\n`);
  }
}
