/** Tests of paths that may be missing. */
import { lstatSync, statSync } from "node:fs";
import type { BytePath } from "../entry.ts";
import { toBuffer } from "../path.ts";

/** Checks whether a path exists; a link counts, wherever it leads. Throws if a component is not a directory. */
export const pathExists = (path: BytePath): boolean =>
  lstatSync(toBuffer(path), { throwIfNoEntry: false }) !== undefined;

/**
 * Checks whether a file can be found, through links too; false for a path that cannot be followed. Not by `existsSync`:
 * access(2) ignores the capability by which an ordinary user may read everything.
 */
export function fileExists(file: string | Buffer): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
