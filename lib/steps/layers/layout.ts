/**
 * Plans the shards of a tree: which stay, and which entries go into new ones. Lists are on disk, so that memory stays
 * flat.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import type { BytePath, Entry } from "../../archive/entry.ts";
import { ExtensionCounts } from "../../archive/extensions.ts";
import { floorNs } from "../../archive/fingerprint.ts";
import { isBelow, join, toBuffer } from "../../archive/path.ts";
import { excludeTest, type ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { databaseBeside, isSharedMemory } from "../../archive/tree/sqlite-file.ts";
import { walk } from "../../archive/tree/walk.ts";
import { asHoldfastError } from "../../errors.ts";
import type { FoundLink } from "../claims/site.ts";
import type { Walk } from "../core/tree-walker.ts";
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
  /** Size and number of the files that are alive in it, and their number by extension. */
  readonly bytes: number;
  readonly files: number;
  readonly extensions: Readonly<Record<string, number>>;
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
  readonly failures: readonly LayoutFailure[];
  readonly links: readonly FoundLink[];
}

/** A directory or entry that could not be looked at, by its path below the root. */
interface LayoutFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A tree to be laid out. */
export interface LayoutRequest {
  readonly root: BytePath;
  /** Absolute paths that belong to other units: they are not part of the tree, and no shard may restore them. */
  readonly exclude: readonly BytePath[];
  readonly rules?: ExcludeRules;
  /** The shards of an earlier run; without any, the canonical layout is chosen. */
  readonly layers: readonly Layer[];
  /** New shards get numbers above it. */
  readonly highest: number;
  /** Input bytes of a shard, at most, but for a larger single file. */
  readonly shardBytes: number;
  /** The beginning of the paths of lists that are written. */
  readonly lists: string;
}

export const shardWalk: Walk<LayoutRequest, ShardLayout> = {
  kind: "shards",
  walk: layOutShards,
  isResult: (value): value is ShardLayout => typeof value === "object" && value !== null && "shards" in value,
};

/** Lays out a tree. Lists are written for every shard. */
export function layOutShards(request: LayoutRequest): ShardLayout {
  const { root, layers, shardBytes } = request;
  const isTaken = (at: BytePath): boolean =>
    request.exclude.some((one) => one === join(root, at) || isBelow(join(root, at), one));
  const states = new Map<number, LayerState>(
    layers.map(({ number }) => [number, { live: 0, liveBytes: 0, deadBytes: 0, files: new ExtensionCounts() }]),
  );
  const conflicts = new Set<number>();
  let fresh = 0;
  let freshBytes = 0;
  let superseded = 0;
  const pending = new Set<BytePath>();
  const seen = new SeenTree(root, `${request.lists}-directories.list`);
  const { items, failures } = classify(request, pending, seen);
  for (const placed of items) {
    const state =
      placed.kind === "dead" ? states.get(placed.shard) : placed.home === null ? undefined : states.get(placed.home);
    if (placed.kind === "dead") {
      superseded++;
      if (state !== undefined) state.deadBytes += placed.size;
      if (placed.conflict || isTaken(placed.path)) conflicts.add(placed.shard);
    } else if (state === undefined) {
      fresh++;
      freshBytes += placed.size;
    } else {
      state.live++;
      state.liveBytes += placed.size;
      if (placed.isFile) state.files.add(placed.path);
    }
  }
  fresh += pending.size;
  const rewrites = chooseRewrites(states, fresh === 0 ? 0 : Math.max(1, freshBytes), shardBytes);
  for (const number of conflicts) rewrites.add(number);
  const about = seen.finish();
  if (fresh + superseded + rewrites.size > 0) return { ...write(request, pending, states, rewrites), ...about };
  const shards = layers.flatMap(({ number, list }) => {
    const state = states.get(number);
    return state === undefined || state.live === 0
      ? []
      : [{ number, list, isNew: false, bytes: state.liveBytes, ...countsOf(state.files) }];
  });
  return { shards, dead: [], failures, ...about };
}

/** Notes what a walk comes across beside the entries of shards. */
class SeenTree {
  readonly #root: BytePath;
  readonly #directories: TextFile;
  readonly #links: FoundLink[] = [];
  readonly #dropped: BytePath[] = [];

  constructor(root: BytePath, directories: string) {
    this.#root = root;
    this.#directories = new TextFile(directories);
  }

  note({ type, path: at, mtimeNs, target }: Entry): void {
    if (type === "directory") this.#directories.append(`@${floorNs(mtimeNs, 1_000_000_000n)}\0./${at}\0`);
    else if (type === "symlink") this.#links.push({ path: join(this.#root, at), target });
    else if (type !== "file") this.#dropped.push(at);
  }

  finish(): Pick<ShardLayout, "directories" | "links" | "dropped"> {
    return { directories: this.#directories.close(), links: this.#links, dropped: this.#dropped };
  }
}

/**
 * Walks the tree and says which shard holds each entry. A live database whose changes lie in a file beside it goes into
 * a new shard, whatever its own file looks like, and never the file beside it; such databases are added to `pending`.
 */
function classify({ root, exclude, rules, layers }: LayoutRequest, pending: Set<BytePath>, seen?: SeenTree) {
  const names = new Set(exclude);
  const isLeftOut = rules === undefined ? undefined : excludeTest(root, rules);
  const isBesideDatabase = (at: BytePath, size: number): boolean => {
    const database = databaseBeside(join(root, at));
    if (database === undefined) return false;
    if (size > 0 && !isSharedMemory(join(root, at))) pending.add(database.slice(root.length + 1));
    return true;
  };
  const failures: LayoutFailure[] = [];
  const unseen: BytePath[] = [];
  const entries = walk(root, {
    exclude: (at, type, entry) =>
      names.has(join(root, at)) || isLeftOut?.(entry) === true || (type === "file" && isBesideDatabase(at, entry.size)),
    onError: (at, error) => {
      if (error.code === "ENOENT" && at !== "") return; // gone between listing and looking: as if it had never been listed
      unseen.push(at);
      const { code, message, hint } = asHoldfastError(error, "E_IO");
      failures.push({ path: toBuffer(at).toString("utf8"), code, message, hint });
    },
  });
  const unknown = (at: BytePath): boolean =>
    unseen.some((prefix) => prefix === "" || at === prefix || at.startsWith(`${prefix}/`));
  return { items: placeEntries(storable(entries, pending, seen), layers, unknown), failures };
}

/** The entries that an archive can hold: another kind would be taken for new in every run. */
function* storable(
  entries: Iterable<Entry>,
  pending: ReadonlySet<BytePath>,
  seen: SeenTree | undefined,
): Generator<Entry> {
  for (const entry of entries) {
    seen?.note(entry);
    if (!["file", "directory", "symlink"].includes(entry.type)) continue;
    yield pending.has(entry.path) ? { ...entry, ino: -1n } : entry; // as no shard can have listed it
  }
}

/**
 * Walks the tree once more and writes the list of every shard, the kept ones' too, as they are needed when a kept shard
 * proves damaged. Where nothing has changed, the lists of the earlier shards serve.
 */
function write(
  request: LayoutRequest,
  pending: Set<BytePath>,
  states: ReadonlyMap<number, LayerState>,
  rewrites: ReadonlySet<number>,
): Pick<ShardLayout, "shards" | "dead" | "failures"> {
  const { lists } = request;
  const dead: BytePath[] = [];
  const kept = new Map<number, ListFile>();
  for (const [number, state] of states) {
    if (state.live > 0 && !rewrites.has(number)) kept.set(number, new ListFile(`${lists}-kept-${number}.list`));
  }
  const fresh: { number: number; file: ListFile }[] = [];
  const { items, failures } = classify(request, pending);
  for (const placed of items) {
    if (placed.kind === "dead") {
      if (placed.gone && dead.at(-1) !== placed.path && isHeld(placed, kept)) dead.push(placed.path);
      continue;
    }
    const home = placed.home === null ? undefined : kept.get(placed.home);
    (home ?? roomFor(placed, fresh, request)).add(placed);
  }
  const shards = [
    ...[...kept].map(([number, file]) => ({ number, isNew: false, ...file.finish() })),
    ...fresh.map(({ number, file }) => ({ number, isNew: true, ...file.finish() })),
  ];
  return { shards, dead, failures };
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

const countsOf = (files: ExtensionCounts): Pick<ShardPlan, "files" | "extensions"> => ({
  files: files.files,
  extensions: files.finish(),
});

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
  readonly #files = new ExtensionCounts();

  add({ path: at, size, isFile }: Placed): void {
    this.bytes += size;
    if (isFile) this.#files.add(at);
    const path_b64 = toBuffer(at).toString("base64");
    this.append(`${JSON.stringify({ path_b64, type: "", size, mtime: "", sha256: null, id: null })}\n`);
  }

  finish(): Omit<ShardPlan, "number" | "isNew"> {
    return { list: this.close(), bytes: this.bytes, ...countsOf(this.#files) };
  }
}
