/** A file or directory that is whole, or not there: made beside its place, and moved there at the end. */
import { randomUUID } from "node:crypto";
import { linkSync, lstatSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import { fsyncDirectory } from "../../store/files/atomic.ts";

/**
 * `make` writes at the path that it is given, and sees to it that what it wrote is on disk. Throws `E_TARGET`, before anything is made, where `output` is
 * there; whatever `make` throws leaves nothing behind.
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

/** Never over something that has come meanwhile: a rename would replace a file without a word. */
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
    renameSync(staging, target); // a file system without links
  }
}

const isThere = (target: string): HoldfastError =>
  new HoldfastError("E_TARGET", `${target} is there already`, { hint: "name a path that does not exist yet" });
