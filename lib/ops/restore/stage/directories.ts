/** Sets owners, modes and times of directories that several archives share, once all archives are unpacked. */
import { closeSync, constants, fchmodSync, fchownSync, futimesSync, lstatSync, lutimesSync, openSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { join, pathsBelow, toBuffer } from "../../../archive/path.ts";
import type { SafeDirectories } from "../../../archive/unpack/safe-directories.ts";
import {
  deepestFirst,
  fileTime,
  PLAIN_MODE,
  type SharedDirectories,
  type SharedRequest,
} from "../../../archive/unpack/directories.ts";
import { readNames } from "../../runs/unit-items.ts";
import type { RestorePlan } from "../plan/restore-plan.ts";

/** Returns, for each archive of a plan, the paths at or below its own that others write to. */
export function sharedWith(
  plan: Pick<RestorePlan, "unpacks" | "moves" | "copies">,
): (targets: readonly { readonly into: BytePath }[]) => SharedRequest {
  const uses = new Map<BytePath, number>();
  const use = (place: BytePath): void => void uses.set(place, (uses.get(place) ?? 0) + 1);
  for (const { targets } of plan.unpacks) for (const { into } of targets) use(into);
  for (const { to } of [...plan.moves, ...plan.copies]) use(to);
  const sorted = [...uses.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return (targets) => ({
    places: targets.flatMap(({ into }) => pathsBelow(sorted, into)),
    all: targets.some(({ into }) => (uses.get(into) ?? 0) > 1),
  });
}

interface Attributes {
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mtimeNs: bigint;
}

/**
 * Sets the attributes of shared directories, and of those that no archive describes, each once and the deepest first.
 * The description in the last archive wins over earlier ones; the run's record of paths takes precedence over archives.
 * No link is followed.
 */
export function applyDirectories(
  plan: RestorePlan,
  results: readonly SharedDirectories[],
  solidAt: (place: BytePath) => SafeDirectories,
): void {
  const known = new Map<BytePath, Attributes>();
  for (const { described } of results)
    for (const { absolute, attributes } of described) {
      const { mode, uid, gid, mtimeNs } = attributes;
      known.set(absolute, { mode, owner: plan.owners.of(uid, gid), mtimeNs });
    }
  for (const { list, root } of plan.directoryTimes) applyTimes(list, root, solidAt(root), known);
  for (const { to, attributes } of plan.attributes)
    known.set(to, {
      mode: Number.parseInt(attributes.mode, 8),
      owner: plan.owners.of(attributes.uid, attributes.gid),
      mtimeNs: BigInt(attributes.mtime) * NS_PER_SECOND,
    });
  const plain = new Set(results.flatMap(({ made }) => made).filter((directory) => !known.has(directory)));
  for (const directory of [...plain, ...known.keys()].toSorted(deepestFirst))
    if (solidAt(directory).isReal(directory)) applyAttributes(directory, known.get(directory));
}

const NS_PER_SECOND = 1_000_000_000n;

/** Applies times from a list of `@seconds` and `./path`, alternately; they override those of the archives. */
function applyTimes(list: string, root: BytePath, solid: SafeDirectories, known: Map<BytePath, Attributes>): void {
  const names = readNames(list);
  for (let at = names.length - 2; at >= 0; at -= 2) {
    const mtimeNs = BigInt(names[at]?.slice(1) ?? 0) * NS_PER_SECOND;
    const target = join(root, (names[at + 1] ?? "").replace(/^\.\/?/, ""));
    const found = known.get(target);
    if (found !== undefined) known.set(target, { ...found, mtimeNs });
    else if (solid.isReal(target) && lstatSync(toBuffer(target), { throwIfNoEntry: false }) !== undefined) {
      const time = fileTime(mtimeNs);
      lutimesSync(toBuffer(target), time, time);
    }
  }
}

const WITHOUT_LINKS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Sets the attributes of a directory or file; without attributes it gets the mode of any directory. Other types are
 * left alone.
 */
function applyAttributes(to: BytePath, attributes: Attributes | undefined): void {
  const found = lstatSync(toBuffer(to), { throwIfNoEntry: false });
  if (found === undefined || !(found.isDirectory() || found.isFile())) return;
  const file = openSync(toBuffer(to), WITHOUT_LINKS);
  try {
    if (attributes === undefined) return fchmodSync(file, PLAIN_MODE);
    const { mode, owner, mtimeNs } = attributes;
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    const time = fileTime(mtimeNs);
    futimesSync(file, time, time);
    fchmodSync(file, mode); // after the owner: chown clears setuid
  } finally {
    closeSync(file);
  }
}
