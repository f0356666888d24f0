/** Writes a file or directory completely or not at all: under a temporary name first, then renamed. */
import { randomUUID } from "node:crypto";
import { linkSync, lstatSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import { fsyncDirectory } from "../../store/files/atomic.ts";

/**
 * Calls `make` with a temporary path and publishes the result as `output`. `make` must sync what it writes. Throws
 * `E_TARGET`, before anything is written, if `output` exists; removes everything if `make` throws.
 */
export async function writeAtomically<T>(output: string, make: (staging: string) => Promise<T>): Promise<T> {
  const target = path.resolve(output);
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) throw isThere(target);
  mkdirSync(path.dirname(target), { recursive: true });
  const staging = `${target}.${randomUUID()}.new`;
  try {
    const made = await make(staging);
    publish(staging, target);
    await fsyncDirectory(path.dirname(target));
    return made;
  } finally {
    removeTree(fromString(staging));
  }
}

/** Publishes without overwriting: a rename would silently replace a file created meanwhile. */
function publish(staging: string, target: string): void {
  try {
    if (lstatSync(staging).isDirectory()) renameSync(staging, target);
    else linkOrRename(staging, target);
  } catch (error) {
    if (["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(systemCode(error) ?? "")) throw isThere(target);
    throw error;
  }
}

function linkOrRename(staging: string, target: string): void {
  try {
    linkSync(staging, target);
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw error;
    renameSync(staging, target); // the file system has no hard links
  }
}

const isThere = (target: string): HoldfastError =>
  new HoldfastError("E_TARGET", `${target} already exists`, { hint: "choose a path that does not exist" });
