/**
 * Plans where files are staged before they are swapped in.
 * Each swap moves as much as possible: a missing directory is created with all that is restored below it, by one
 * rename; an existing one is replaced as a whole.
 */
import { accessSync, constants, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { basename, dirname, display, isBelow, join, pathsBelow, toBuffer } from "../../../archive/path.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";
import { RESTORE_PREFIX } from "../../../archive/tree/walk.ts";
import { HoldfastError } from "../../../errors.ts";
import { realPaths, assertTrustedRestoreLink } from "./paths/real.ts";

/** A move to make: `fresh` replaces `live`, which is moved to `aside`. */
export interface TreeSwap {
  readonly live: BytePath;
  readonly fresh: BytePath;
  readonly aside: BytePath;
  /**
   * Paths below `live` that this restore does not contain; they move from the old tree into the new one. Relative to
   * both.
   */
  readonly carry: readonly BytePath[];
}

/** The destinations of a restore on this host: those that a swap moves, and the staging path of each. */
export class SwapPlan {
  readonly swaps: readonly TreeSwap[];
  /** Directories made for this restore alone. */
  readonly bases: readonly BytePath[];
  /**
   * Resolves the links in a path, as of the creation of this plan; for one of `entries`, only the links of its
   * directory.
   */
  readonly real: (path: BytePath) => BytePath;

  /**
   * Plans the swaps for absolute destinations of trees and files.
   * `entries` are destinations that may be links themselves; `others` are paths that are not restored. Throws
   * `E_TARGET` for a destination that cannot be moved (a mount point, or a directory without write permission) and for
   * an untrusted link in its path.
   */
  constructor(
    id: string,
    root: BytePath,
    destinations: readonly BytePath[],
    entries: ReadonlySet<BytePath>,
    others: readonly BytePath[],
  ) {
    const follow = realPaths(assertTrustedRestoreLink);
    const followAny = realPaths();
    this.real = (path) => (entries.has(path) ? join(follow(dirname(path)), basename(path)) : follow(path));
    const mounts = readMounts();
    const real = [...new Set(destinations.map(this.real))];
    const lives = outermost(real.map(firstMissing));
    const kept = [...new Set(others.map((other) => join(followAny(dirname(other)), basename(other))))].toSorted();
    const bases = new Map<BytePath, BytePath>();
    this.swaps = lives.map((live, index) => {
      assertNoMounts(live, mounts);
      const parent = dirname(live);
      const base = bases.get(parent) ?? join(baseFor(parent, root, mounts), RESTORE_PREFIX + id);
      bases.set(parent, base);
      const carry = pathsBelow(kept, live)
        .flatMap((other) => without(other, real))
        .map((other) => other.slice(live.length + 1));
      return {
        live,
        fresh: join(base, `new-${index}`),
        aside: join(base, `old-${index}`),
        carry: pathExists(live) ? outermost(carry) : [],
      };
    });
    this.bases = [...new Set(bases.values())];
  }

  /** Checks whether the content of a real path survives the swap: no swap moves it, or one carries it along. */
  keeps(place: BytePath): boolean {
    const swap = this.swaps.find(({ live }) => live === place || isBelow(place, live));
    if (swap === undefined) return true;
    return swap.carry.some((path) => place === join(swap.live, path) || isBelow(place, join(swap.live, path)));
  }

  /** Returns the staging path of a destination. */
  staged(destination: BytePath): BytePath {
    const real = this.real(destination);
    const swap = this.swaps.find(({ live }) => live === real || isBelow(real, live));
    if (swap === undefined)
      throw new HoldfastError("E_INTERNAL", `${display(destination)} is not a destination of this restore`);
    return swap.fresh + real.slice(swap.live.length);
  }
}

/** Returns the path itself if it exists, else its first component that does not. */
function firstMissing(path: BytePath): BytePath {
  const parent = dirname(path);
  return pathExists(path) || parent === path || pathExists(parent) ? path : firstMissing(parent);
}

/** Returns the path, or, if part of it is restored, the rest of what it holds; empty if it is restored itself. */
function without(path: BytePath, restored: readonly BytePath[]): BytePath[] {
  if (restored.includes(path)) return [];
  if (!restored.some((one) => isBelow(one, path))) return [path];
  if (lstatSync(toBuffer(path), { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(toBuffer(path), { encoding: "latin1" }).flatMap((name) => without(join(path, name), restored));
}

/** Returns the paths that lie below none of the others. */
function outermost(paths: readonly BytePath[]): BytePath[] {
  const kept: BytePath[] = [];
  for (const path of [...new Set(paths)].toSorted((a, b) => a.length - b.length))
    if (!kept.some((one) => isBelow(path, one))) kept.push(path);
  return kept;
}

/**
 * Returns a directory on the same file system, so that a rename suffices: beside the site's root, in it, or beside the
 * destination.
 */
function baseFor(parent: BytePath, root: BytePath, mounts: readonly BytePath[]): BytePath {
  const candidates = [dirname(root), root, parent].filter((one, index, all) => all.indexOf(one) === index);
  const fault: string[] = [];
  for (const candidate of candidates) {
    if (!sameFileSystem(candidate, parent, mounts)) continue;
    try {
      for (const directory of [candidate, parent]) accessSync(toBuffer(directory), constants.W_OK | constants.X_OK);
      return candidate;
    } catch (error) {
      fault.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new HoldfastError(
    "E_TARGET",
    `nothing can be swapped into ${display(parent)}: ${fault.at(-1) ?? "no candidate directory is on its file system"}`,
  );
}

function sameFileSystem(a: BytePath, b: BytePath, mounts: readonly BytePath[]): boolean {
  const [one, other] = [
    statSync(toBuffer(a), { throwIfNoEntry: false }),
    statSync(toBuffer(b), { throwIfNoEntry: false }),
  ];
  return one !== undefined && other !== undefined && one.dev === other.dev && mountOf(a, mounts) === mountOf(b, mounts);
}

const mountOf = (path: BytePath, mounts: readonly BytePath[]): BytePath | undefined =>
  mounts.filter((mount) => path === mount || isBelow(path, mount)).toSorted((a, b) => b.length - a.length)[0];

function assertNoMounts(live: BytePath, mounts: readonly BytePath[]): void {
  const mount = mounts.find((one) => one === live || isBelow(one, live));
  if (mount !== undefined && pathExists(live))
    throw new HoldfastError("E_TARGET", `${display(mount)} is a mount point and cannot be replaced`, {
      hint: "restore to a directory with --to, or unmount it",
    });
}

/** Lists the mount points. proc(5): the fifth field of each line, with blanks and the like as octal escapes. */
function readMounts(): BytePath[] {
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      (line.split(" ")[4] ?? "").replaceAll(/\\([0-7]{3})/g, (_all, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    );
}
