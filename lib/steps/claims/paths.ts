/** Paths as bytes: followed through links, and one within another. */
import { realpathSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { basename, join, toBuffer } from "../../archive/path.ts";

/** The path with its links followed, as far as it exists. */
export function realPath(file: BytePath): BytePath {
  try {
    return realpathSync(toBuffer(file), { encoding: "buffer" }).toString("latin1");
  } catch {
    const parent = parentOf(file);
    return parent === file ? file : join(realPath(parent), basename(file));
  }
}

/** The path of an entry of the file system: links followed but for one that is the entry itself. */
export const entryPath = (file: BytePath): BytePath =>
  parentOf(file) === file ? file : join(realPath(parentOf(file)), basename(file));

export const parentOf = (file: BytePath): BytePath => file.slice(0, Math.max(1, file.lastIndexOf("/")));

/** Whether a path lies below a directory; not the directory itself. */
export const isBelow = (file: BytePath, directory: BytePath): boolean =>
  file.startsWith(directory.endsWith("/") ? directory : `${directory}/`) && file !== directory;
