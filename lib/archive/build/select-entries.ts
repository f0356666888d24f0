/** Selects the entries of an archive and their names, for planning and for building, so that both see the same. */
import { lstatSync, realpathSync } from "node:fs";
import type { BytePath, Entry } from "../entry.ts";
import { basename, display, join, toBuffer } from "../path.ts";
import { readError } from "../tree/read-stable.ts";
import { isSharedMemory } from "../tree/sqlite-file.ts";
import { readEntryList } from "../entry-list.ts";
import { excludeTest, type ExcludeRules } from "../tree/exclude-rules.ts";
import { TreeHandles } from "../tree/handles.ts";
import { TrustedPath } from "../tree/trusted-path.ts";
import { lstatEntry, walk } from "../tree/walk.ts";

/** A tree or a file and what it is in the archive. */
export interface ArchiveRoot {
  /** Absolute; followed if it is a link itself, as `TrustedPath` does. */
  readonly path: BytePath;
  /** Name of the root inside the archive, e.g. `images`. Empty: its entries are at the top; a file keeps its name. */
  readonly prefix: BytePath;
  /** JSON lines (see entry-list.ts) with the entries to take, in the order of a walk, instead of a walk. */
  readonly list?: string;
  /** Rules for what is left out of the tree; nothing without them. */
  readonly rules?: ExcludeRules;
}

export interface Selection {
  readonly roots: readonly ArchiveRoot[];
  /**
   * Absolute paths to exclude, with everything below them, under any name by which a walk reaches them. A root inside
   * another root is excluded from that one.
   */
  readonly exclude: readonly BytePath[];
  /** Restricts the archive to files and links directly in the roots, without the roots themselves. */
  readonly onlyFiles?: boolean;
}

export interface Selected {
  /** Its path is that in the archive; empty for a root at the top. */
  readonly entry: Entry;
  readonly absolute: BytePath;
  /** The path to open it by: through the handle of its directory, and only until the next entry is asked for. */
  readonly location: BytePath;
}

/** A failure to read an entry: the archive is not built. */
export interface ArchiveFailure {
  readonly code: string;
  /** The path for messages. */
  readonly path: string;
  readonly message: string;
}

/** Hears what selecting comes across; paths are absolute. */
export interface SelectionReport {
  failed(failure: ArchiveFailure): void;
  /** Listed by its directory and gone when its turn came. */
  vanished(path: BytePath): void;
  /** Called for a directory that was moved or replaced while its entries were read. */
  moved(path: BytePath): void;
  /** The shared memory of an SQLite database: left out, because readers change it and it holds no data. */
  sharedMemory(path: BytePath): void;
}

/** Yields the entries of each root in turn, in the order of a walk. A missing root is a failure. */
export function* selectEntries(selection: Selection, report: SelectionReport): Generator<Selected> {
  const isExcluded = exclusion(selection.exclude);
  for (const root of selection.roots) {
    const at = attempt(root.path, report, () => new TrustedPath(root.path));
    if (at === undefined) continue;
    try {
      const selected = attempt(root.path, report, () => selectRoot(root, at.location));
      if (selected === undefined) continue;
      const { entry, absolute, location } = selected;
      if (entry.type !== "directory" || selection.onlyFiles !== true) yield selected;
      if (entry.type !== "directory") continue;
      const handles = attempt(root.path, report, () => new TreeHandles(location));
      if (handles === undefined) continue;
      try {
        if (root.list !== undefined) yield* selectListed(root, { absolute, list: root.list, handles }, report);
        else yield* selectWalked(root, { absolute, selection, isExcluded, handles }, report);
      } finally {
        handles.close();
      }
    } finally {
      at.close();
    }
  }
}

type Exclusion = (absolute: BytePath, entry: Entry) => boolean;

function* selectWalked(
  root: ArchiveRoot,
  {
    absolute,
    selection,
    isExcluded,
    handles,
  }: Tree & { readonly selection: Selection; readonly isExcluded: Exclusion },
  report: SelectionReport,
): Generator<Selected> {
  const isLeftOut = root.rules === undefined ? undefined : excludeTest(absolute, root.rules);
  const entries = walk(absolute, {
    handles,
    files: selection.onlyFiles ?? false,
    exclude: (path, type, found) => {
      const below = join(absolute, path);
      if (isExcluded(below, found) || isLeftOut?.(found) === true) return true;
      if (type !== "file" || !isSharedMemory(handles.at(basename(path)))) return false;
      report.sharedMemory(below);
      return true;
    },
    onError: (path, error) => tell(join(absolute, path), path === "", error, report),
    onMoved: (path) => report.moved(join(absolute, path)),
  });
  for (const found of entries) {
    const path = found.path;
    yield {
      entry: root.prefix === "" ? found : { ...found, path: join(root.prefix, path) },
      absolute: join(absolute, path),
      location: handles.at(basename(path)),
    };
  }
}

interface Tree {
  readonly absolute: BytePath;
  readonly handles: TreeHandles;
}

/** The entries of a list as they are now; one that has gone since is reported as vanished. */
function* selectListed(
  root: ArchiveRoot,
  { absolute, list, handles }: Tree & { readonly list: string },
  report: SelectionReport,
): Generator<Selected> {
  for (const { path } of readEntryList(list)) {
    const below = join(absolute, path);
    try {
      const location = path === "" ? handles.current : handles.locate(path);
      yield { entry: lstatEntry(location, join(root.prefix, path)), absolute: below, location };
    } catch (error) {
      tell(below, false, error, report);
    }
  }
}

/** A file goes by its real path, so that what lies beside it is found. */
function selectRoot(root: ArchiveRoot, location: BytePath): Selected {
  const entry = lstatEntry(location, root.prefix);
  if (entry.type === "directory") return { entry, absolute: root.path, location };
  const absolute = realpathSync.native(toBuffer(location), { encoding: "buffer" }).toString("latin1");
  const path = root.prefix === "" ? basename(root.path) : root.prefix;
  return { entry: { ...entry, path }, absolute, location };
}

/**
 * Compares by path, and directories also by device and inode, which are the same under every name that links and mounts
 * give. A file or link is excluded by its path alone, and not the target of the link.
 */
function exclusion(paths: readonly BytePath[]): Exclusion {
  const names = new Set(paths);
  const inodes = new Set<string>();
  for (const path of paths) {
    const inode = directoryInode(path);
    if (inode !== undefined) inodes.add(inode);
  }
  return (absolute, { type, dev, ino }) =>
    names.has(absolute) || (type === "directory" && inodes.size > 0 && inodes.has(`${dev}:${ino}`));
}

function directoryInode(path: BytePath): string | undefined {
  try {
    const stats = lstatSync(toBuffer(path), { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() === true ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined; // by its name alone: it lies in a directory that may not be passed
  }
}

function attempt<T>(path: BytePath, report: SelectionReport, look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    tell(path, true, error, report);
    return undefined;
  }
}

function tell(path: BytePath, isRoot: boolean, error: unknown, report: SelectionReport): void {
  const { code, message } = readError(path, error);
  if (code === "E_MISSING" && !isRoot) report.vanished(path);
  else report.failed({ code, path: display(path), message });
}
