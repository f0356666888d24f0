/** Adds the files of a site to a package, under `media/`. */
import { existsSync, lstatSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import type { BytePath } from "../../../archive/entry.ts";
import { TreeHandles } from "../../../archive/tree/handles.ts";
import { display, fromString, join, toBuffer } from "../../../archive/path.ts";
import { FileError } from "../../../archive/tree/read-stable.ts";
import { selectEntries, type ArchiveFailure, type Selected } from "../../../archive/build/select-entries.ts";
import type { ZipWriter } from "../../../archive/zip/writer.ts";
import { HoldfastError, isErrorCode } from "../../../errors.ts";

export const MEDIA = "media";

export interface AddedMedia {
  files: number;
  bytes: number;
}

/**
 * Checks media directories before anything is read. Throws `E_MISSING` if one is not a directory, and `E_USAGE` for two
 * of the same name or an `output` inside one, which the next package would include.
 */
export function checkMedia(directories: readonly string[], output: string): void {
  placesOf(directories);
  const parent = resolveLinks(path.dirname(path.resolve(output)));
  for (const directory of directories)
    if (`${parent}/`.startsWith(`${rootOf(directory)}/`))
      throw new HoldfastError("E_USAGE", `the package ${output} would be inside the media directory ${directory}`, {
        hint: "choose another path with -o",
      });
}

/** Resolves the symbolic links of a path that need not exist. */
function resolveLinks(directory: string): string {
  if (existsSync(directory)) return realpathSync(directory);
  return path.join(resolveLinks(path.dirname(directory)), path.basename(directory));
}

/**
 * Adds the trees below `directories`: a single one directly below `media/`, several each under its own name. A symbolic
 * link to a file of the same tree becomes that file; other links and special files are left out with a warning.
 * `exclude` are paths that are being written. Throws `E_UNREADABLE` or `E_MISSING` for what cannot be read.
 */
export async function addMedia(
  zip: ZipWriter,
  directories: readonly string[],
  exclude: readonly string[],
  { signal, warn }: { readonly signal: AbortSignal; readonly warn: (text: string) => void },
): Promise<AddedMedia> {
  const added: AddedMedia = { files: 0, bytes: 0 };
  const failures: ArchiveFailure[] = [];
  const report = {
    failed: (failure: ArchiveFailure) => void failures.push(failure),
    vanished: (one: BytePath) => warn(`vanished while reading: ${display(one)}`),
    moved: (one: BytePath) => warn(`moved or replaced while it was read: ${display(one)}`),
    sharedMemory: (one: BytePath) => warn(`left out, SQLite's shared memory without data: ${display(one)}`),
  };
  for (const { directory, prefix } of placesOf(directories)) {
    const selection = { roots: [{ path: fromString(directory), prefix }], exclude: exclude.map(fromString) };
    const root = rootOf(directory);
    for (const selected of selectEntries(selection, report)) {
      signal.throwIfAborted();
      addEntry(zip, selected, { root, added, warn });
      await setImmediate();
    }
    throwFirst(failures);
  }
  return added;
}

function placesOf(directories: readonly string[]): { directory: string; prefix: BytePath }[] {
  if (directories.length < 2) return directories.map((directory) => ({ directory, prefix: MEDIA }));
  const names = directories.map((directory) => path.basename(directory));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new HoldfastError("E_USAGE", `two media directories have the name ${twice}`);
  return directories.map((directory) => ({ directory, prefix: join(MEDIA, fromString(path.basename(directory))) }));
}

function rootOf(directory: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new HoldfastError("E_MISSING", `${directory} is not a directory`, { hint: "pass a directory to --media" });
  return realpathSync(directory);
}

interface Adding {
  readonly root: string;
  readonly added: AddedMedia;
  readonly warn: (text: string) => void;
}

const OUTER_LINK = "a symbolic link out of the tree, or not to a file";

function addEntry(zip: ZipWriter, { entry, absolute, location }: Selected, { root, added, warn }: Adding): void {
  const { path: name, type } = entry;
  if (type === "directory") return zip.addDirectory(name, entry);
  const handles = type === "symlink" ? new TreeHandles("/") : undefined;
  try {
    const file = handles !== undefined ? fileBehind(absolute, root, handles) : type === "file" ? location : undefined;
    if (file === undefined)
      return warn(`left out, ${type === "symlink" ? OUTER_LINK : `a ${type}`}: ${display(absolute)}`);
    const attributes = handles !== undefined ? { ...entry, mode: 0o644 } : entry;
    const { size, changed } = zip.addFile(name, file, attributes, absolute);
    added.files++;
    added.bytes += size;
    if (changed) warn(`changed while it was read: ${display(absolute)}`);
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== "E_MISSING") throw error;
    warn(`vanished while reading: ${display(absolute)}`);
  } finally {
    handles?.close();
  }
}

/** Returns the regular file of the same tree behind a symbolic link. Its path is valid while the handles are open. */
function fileBehind(link: BytePath, root: string, handles: TreeHandles): BytePath | undefined {
  try {
    const real = realpathSync.native(toBuffer(link), { encoding: "buffer" }).toString("latin1");
    if (!real.startsWith(`${fromString(root)}/`)) return undefined;
    const location = handles.locate(real.slice(1));
    return lstatSync(toBuffer(location)).isFile() ? location : undefined;
  } catch {
    return undefined;
  }
}

function throwFirst(failures: readonly ArchiveFailure[]): void {
  const [first] = failures;
  if (first === undefined) return;
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : "";
  throw new HoldfastError(isErrorCode(first.code) ? first.code : "E_IO", `${first.message}${more}`);
}
