/** Reads an installation's files as data: regular files of a limited size. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { FoundTree } from "./application.ts";

/** The config of an application is far smaller. */
const MAX_BYTES = 1024 * 1024;

/** Returns the text of a regular file; undefined if it is missing, unreadable, larger than 1 MiB or not a file. */
export function readText(file: string): string | undefined {
  try {
    // O_NONBLOCK, because opening a FIFO must not block.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(descriptor, "utf8") : undefined;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

export const isDirectory = (file: string): boolean => kindOf(file)?.isDirectory() === true;
export const isFile = (file: string): boolean => kindOf(file)?.isFile() === true;

function kindOf(file: string) {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

export const isInside = (file: string, directory: string): boolean =>
  file.startsWith(directory.endsWith("/") ? directory : `${directory}/`);

/** Returns a path relative to the directory, or the absolute path if it lies outside. */
export const relativeTo = (directory: string, file: string): string =>
  isInside(file, directory) ? path.relative(directory, file) : file;

/**
 * Returns the tree of a directory, absolute or relative to the installation; none if the directory is missing. For a
 * link the tree is its target; the link itself stays in the whole directory's tree.
 */
export function treeAt(installation: string, name: string, place: string): FoundTree[] {
  const file = path.resolve(installation, place);
  if (!isDirectory(file)) return [];
  const real = lstatSync(file).isSymbolicLink() ? realpathSync(file) : file;
  return real === installation || isInside(installation, real) ? [] : [{ name, path: relativeTo(installation, real) }];
}
