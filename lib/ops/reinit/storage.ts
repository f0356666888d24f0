/** Directories that are moved aside and made again, empty, with the owner and the mode that they had; and moved back. */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, realpathSync, renameSync, rmdirSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { fsyncDirectory } from "../../store/atomic.ts";

export interface Move {
  /** Absolute, with every link followed. */
  readonly live: string;
  readonly aside: string;
}

/**
 * The moves that empty these directories. Throws `E_CONFIG` for one that is not there, lies in another, or holds what must stay (`inUse`: the site's root,
 * the store, database files).
 */
export function planMoves(
  root: string,
  directories: readonly string[],
  stamp: string,
  inUse: readonly string[],
): Move[] {
  const lives = directories.map((directory) => {
    const place = path.resolve(root, directory);
    if (!existsSync(place) || !lstatSync(realpathSync(place)).isDirectory())
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${place} is no directory`, {
        hint: "correct the path, or leave it out",
      });
    return realpathSync(place);
  });
  for (const [at, live] of lives.entries()) {
    const held = inUse.map(real).find((one) => isWithin(one, live));
    if (held !== undefined)
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${live} holds ${held}, which has to stay`, {
        hint: "name the directories of the users' files only",
      });
    if (lives.some((other, index) => index !== at && isWithin(live, other)))
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${live} is named twice, or lies in another`, {
        hint: "name the outer directory only",
      });
  }
  return lives.map((live) => ({ live, aside: `${live}.reinit-${stamp}` }));
}

const real = (place: string): string => (existsSync(place) ? realpathSync(place) : place);
const isWithin = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`);

/** Each by one rename. */
export async function moveAside(moves: readonly Move[]): Promise<void> {
  for (const { live, aside } of moves) {
    const { mode, uid, gid } = lstatSync(live);
    attempt(`${live} cannot be moved aside`, () => {
      renameSync(live, aside);
      mkdirSync(live, { mode: 0o700 });
      if (process.getuid?.() === 0) chownSync(live, uid, gid);
      chmodSync(live, mode & 0o7777);
    });
    await fsyncDirectory(path.dirname(live));
  }
}

/** As it was, however far it had gone; gives the places of what was written into the new directories in the meantime. */
export async function moveBack(moves: readonly Move[]): Promise<string[]> {
  const kept: string[] = [];
  for (const { live, aside } of moves.toReversed()) {
    if (!existsSync(aside)) continue;
    attempt(`${aside} cannot be moved back`, () => {
      if (existsSync(live) && !removedEmpty(live)) {
        renameSync(live, `${aside}.new`);
        kept.push(`${aside}.new`);
      }
      renameSync(aside, live);
    });
    await fsyncDirectory(path.dirname(live));
  }
  return kept;
}

function removedEmpty(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new HoldfastError("E_TARGET", `${what}: ${error instanceof Error ? error.message : String(error)}`, {
      hint: "mount points cannot be moved, and the directory above has to be one that may be written to",
      cause: error,
    });
  }
}
