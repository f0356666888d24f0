/** Compares the extended attributes of trees, restored or live, with a run's record. */
import type { BytePath, Xattrs } from "../../archive/entry.ts";
import { loadXattrs } from "../../archive/xattrs/known.ts";
import { readXattrs } from "../../archive/xattrs/read.ts";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";

/** Returns the attributes of all entries of the trees by absolute path. Throws if any cannot be read. */
export async function treeXattrs(
  roots: readonly BytePath[],
  signal: AbortSignal,
): Promise<ReadonlyMap<BytePath, Xattrs>> {
  const directory = privateDirectory(signal);
  const warn = (text: string): never => {
    throw new HoldfastError("E_IO", text);
  };
  try {
    return loadXattrs({ trees: await readXattrs(roots, directory.path, { signal, warn }), readMs: Date.now() });
  } finally {
    directory.remove();
  }
}

/** Returns the attributes to compare: without root, those that only root can set are taken from the record. */
export function comparable(found: Xattrs | undefined, recorded: Xattrs | undefined): Xattrs {
  if (process.getuid?.() === 0) return found ?? new Map();
  const isPrivileged = ([name]: readonly [string, Buffer]): boolean => name.startsWith("security.");
  return new Map([
    ...[...(found ?? [])].filter((one) => !isPrivileged(one)),
    ...[...(recorded ?? [])].filter(isPrivileged),
  ]);
}

/** Checks whether an entry has other attributes than recorded. */
export const differXattrs = (found: Xattrs, recorded: Xattrs = new Map()): boolean =>
  found.size !== recorded.size || [...found].some(([name, value]) => recorded.get(name)?.equals(value) !== true);
