/** SQLite files that are read by path, and are to be the ones that a walk has found. */
import { readdirSync, statSync } from "node:fs";
import { display } from "../archive/path.ts";
import { HoldfastError } from "../errors.ts";

/** A file as a walk has found it, whatever is at its path by now. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Returns whether this process has the file open: SQLite tells nothing of the one that it has opened. */
export function isOpen({ dev, ino }: FileIdentity): boolean {
  return readdirSync("/proc/self/fd").some((fd) => {
    const stats = statSync(`/proc/self/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
    return stats?.dev === dev && stats.ino === ino;
  });
}

/** Returns the error for a file that is another by now. */
export const replaced = (file: Buffer): HoldfastError =>
  new HoldfastError(
    "E_MISSING",
    `another file took the place of ${display(file.toString("latin1"))} while it was read`,
  );
