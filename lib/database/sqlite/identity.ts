/** SQLite files that are read by path, and are to be the ones that a walk has found. */
import { readdirSync, statSync } from "node:fs";
import { display } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";

/** A file as a walk has found it, whatever is at its path by now. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Returns the regular files that this process has open, by descriptor: SQLite tells nothing of those that it has
 * opened.
 */
export function openFiles(): Map<string, FileIdentity> {
  const files = new Map<string, FileIdentity>();
  for (const fd of readdirSync("/proc/self/fd")) {
    const stats = statSync(`/proc/self/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile() === true) files.set(fd, stats);
  }
  return files;
}

export const isSame = (one: FileIdentity, other: FileIdentity): boolean =>
  one.dev === other.dev && one.ino === other.ino;

/** Returns the error for a file that is another by now. */
export const replaced = (file: Buffer): HoldfastError =>
  new HoldfastError("E_MISSING", `${display(file.toString("latin1"))} was replaced by another file while it was read`);
