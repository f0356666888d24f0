/** The files that belong to a site, put into a package under `media/`. */
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
 * Before anything is read: throws `E_MISSING` for what is no directory, `E_USAGE` for two directories of one name, and for an `output` that would lie in one of them:
 * the next package would hold this one.
 */
export function checkMedia(directories: readonly string[], output: string): void {
  placesOf(directories);
  const home = realHome(path.dirname(path.resolve(output)));
  for (const directory of directories)
    if (`${home}/`.startsWith(`${rootOf(directory)}/`))
      throw new HoldfastError("E_USAGE", `the package would lie in ${directory}, which goes into it`, {
        hint: "name another place with -o",
      });
}

/** Without links, also where its end is not there yet. */
function realHome(directory: string): string {
  if (existsSync(directory)) return realpathSync(directory);
  return path.join(realHome(path.dirname(directory)), path.basename(directory));
}

/**
 * Adds the trees below `directories`: those of one directory right below `media/`, those of several each under its own name. A link to a file of the tree is that file;
 * other links, and what is no file, are left out with a warning. `exclude` are paths that are being written. Throws `E_UNREADABLE` or `E_MISSING` for what
 * cannot be read.
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
    refuse(failures);
  }
  return added;
}

function placesOf(directories: readonly string[]): { directory: string; prefix: BytePath }[] {
  if (directories.length < 2) return directories.map((directory) => ({ directory, prefix: MEDIA }));
  const names = directories.map((directory) => path.basename(directory));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new HoldfastError("E_USAGE", `two media directories are called ${twice}`);
  return directories.map((directory) => ({ directory, prefix: join(MEDIA, fromString(path.basename(directory))) }));
}

function rootOf(directory: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new HoldfastError("E_MISSING", `${directory} is no directory`, { hint: "name a directory with --media" });
  return realpathSync(directory);
}

interface Adding {
  readonly root: string;
  readonly added: AddedMedia;
  readonly warn: (text: string) => void;
}

function addEntry(zip: ZipWriter, { entry, absolute, location }: Selected, { root, added, warn }: Adding): void {
  const { path: name, type } = entry;
  if (type === "directory") return zip.addDirectory(name, entry);
  const handles = type === "symlink" ? new TreeHandles("/") : undefined;
  try {
    const file = handles !== undefined ? fileBehind(absolute, root, handles) : type === "file" ? location : undefined;
    if (file === undefined)
      return warn(
        `left out, ${type === "symlink" ? "a link out of the tree, or to no file" : `a ${type}`}: ${display(absolute)}`,
      );
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

/** The regular file of the same tree that a link leads to, by a path that holds as long as the handles stay where they are. */
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

function refuse(failures: readonly ArchiveFailure[]): void {
  const [first] = failures;
  if (first === undefined) return;
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : "";
  throw new HoldfastError(isErrorCode(first.code) ? first.code : "E_IO", `${first.message}${more}`);
}
