/**
 * The walk of a tree. It is our own because Node's recursive readers and fast-glob gave wrong answers in silence:
 * entries missing, link loops followed, names with a newline lost.
 */
import { lstatSync, readdirSync, readlinkSync, statSync, type BigIntStats } from "node:fs";
import type { BytePath, Entry, EntryType } from "../entry.ts";
import { TreeHandles } from "./handles.ts";
import { join, toBuffer } from "../path.ts";

export interface WalkOptions {
  /** True leaves the entry out, and what is below it. The path is relative to the root. */
  readonly exclude?: (path: BytePath, type: EntryType, entry: Entry) => boolean;
  /**
   * Called for a directory that cannot be listed, and for an entry that has vanished (`ENOENT`). The path is relative
   * to the root, and empty for the root itself. Without it, the first such error is thrown.
   */
  readonly onError?: (path: BytePath, error: NodeJS.ErrnoException) => void;
  /** Restricts the walk to files and links directly in the root. */
  readonly files?: boolean;
  /** Handles for a caller that opens entries: the current directory is that of the entry. */
  readonly handles?: TreeHandles;
  /** Called for a directory that was moved or replaced while its entries were walked. */
  readonly onMoved?: (path: BytePath) => void;
}

/** The prefix of names that a restore gives to its own files, which are not part of a site. */
export const RESTORE_PREFIX = ".holdfast-restore-";

/** A directory being walked: its path relative to the root, its sorted names and the next one's index. */
interface Level {
  readonly path: BytePath;
  readonly names: readonly BytePath[];
  next: number;
}

/**
 * Yields every entry below `root` (absolute; followed if it is a symlink itself). Never follows a symlink, nor one that
 * replaces a directory meanwhile. Parents come before children and the children of a directory in byte order,
 * so that paths are ordered by component: `a`, `a/b`, `a-b`. See `comparePaths`. Memory is that of the directories open
 * at one time. A path longer than the system takes (4,095 bytes) goes to `onError`.
 */
export function* walk(root: BytePath, options: WalkOptions = {}): Generator<Entry> {
  const handles = options.handles ?? attempt("", options, () => new TreeHandles(root));
  if (handles === undefined) return;
  try {
    yield* walkLevels(root, handles, options);
  } finally {
    if (options.handles === undefined) handles.close();
  }
}

function* walkLevels(root: BytePath, handles: TreeHandles, options: WalkOptions): Generator<Entry> {
  const levels: Level[] = [];
  const list = (path: BytePath): void => {
    const names = readdirSync(handles.current, { encoding: "latin1" }).filter(
      (name) => !name.startsWith(RESTORE_PREFIX),
    );
    levels.push({ path, names: names.toSorted(), next: 0 });
  };
  attempt("", options, () => list(""));
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const { path: directory, names } = level;
    const name = names[level.next++];
    if (name === undefined) {
      levels.pop();
      const above = levels.at(-1);
      if (above === undefined) return;
      const stayed = attempt(above.path, options, () => handles.leave());
      if (stayed === undefined) return;
      if (!stayed) options.onMoved?.(directory);
      continue;
    }
    const path = join(directory, name);
    const entry = attempt(path, options, () => {
      assertPathNameable(root, path);
      return lstatEntry(handles.at(name), path);
    });
    if (entry === undefined || (options.files === true && entry.type === "directory")) continue;
    if (options.exclude?.(path, entry.type, entry) === true) continue;
    yield entry;
    if (entry.type === "directory") attempt(path, options, () => enter(handles, name, () => list(path)));
  }
}

/** Goes into a directory and lists it; one that cannot be listed is left again. */
function enter(handles: TreeHandles, name: BytePath, list: () => void): void {
  handles.enter(name);
  try {
    list();
  } catch (error) {
    handles.leave();
    throw error;
  }
}

/** Throws `ENAMETOOLONG` for a path that no restore could name, though handles reach it. */
function assertPathNameable(root: BytePath, path: BytePath): void {
  if (root.length + path.length + 1 > LONGEST_PATH)
    throw Object.assign(new Error(`ENAMETOOLONG: name too long, lstat '${path}'`), { code: "ENAMETOOLONG" });
}

/** PATH_MAX without the NUL at its end. */
const LONGEST_PATH = 4095;

/** The root of a walk as an entry, its path empty; a link to a directory or file is followed. */
export function statRoot(root: BytePath): Entry {
  return toEntry("", statSync(toBuffer(root), { bigint: true }), "");
}

/** One entry as `lstat` sees it, under the path it is to have. */
export function lstatEntry(absolute: BytePath, path: BytePath): Entry {
  const bytes = toBuffer(absolute);
  const stats = lstatSync(bytes, { bigint: true });
  return toEntry(path, stats, stats.isSymbolicLink() ? readlinkSync(bytes, { encoding: "latin1" }) : "");
}

/**
 * The order of a walk: by component, and bytes within one, as if `/` came before every other byte. `a/b` is before
 * `a-b`, unlike in a plain comparison of the strings.
 */
export function comparePaths(a: BytePath, b: BytePath): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x === SLASH ? -1 : y === SLASH ? 1 : x - y;
  }
  return a.length - b.length;
}

const SLASH = 0x2f;

function attempt<T>(path: BytePath, options: WalkOptions, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (options.onError === undefined || !(error instanceof Error)) throw error;
    options.onError(path, error);
    return undefined;
  }
}

function toEntry(path: BytePath, stats: BigIntStats, target: BytePath): Entry {
  return {
    path,
    type: typeOf(stats),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    dev: stats.dev,
    ino: stats.ino,
    nlink: Number(stats.nlink),
    target,
  };
}

function typeOf(stats: BigIntStats): EntryType {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  return stats.isSocket() ? "socket" : "device";
}
