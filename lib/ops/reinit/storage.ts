/** Moves directories aside and creates them again, empty, with their owner and mode; and moves them back. */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, realpathSync, renameSync, rmdirSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { fsyncDirectory } from "../../store/atomic.ts";
import { noSteps, type OnStep } from "../step.ts";

export interface Move {
  /** Absolute, with every link resolved. */
  readonly live: string;
  readonly aside: string;
}

/**
 * Plans the moves that empty these directories. Throws `E_CONFIG` for one that is missing, lies in another, or holds something that must
 * stay (`inUse`: the site's root, the store, database files).
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

/** Moves each directory aside by one rename, and creates an empty one in its place. */
export async function moveAside(moves: readonly Move[], step: OnStep = noSteps): Promise<void> {
  for (const { live, aside } of moves) {
    const { mode, uid, gid } = lstatSync(live);
    step({ action: "move", object: `${live} ${aside}` });
    attempt(`${live} cannot be moved aside`, () => renameSync(live, aside));
    step({ action: "make", object: live });
    attempt(`${live} cannot be created again`, () => {
      mkdirSync(live, { mode: 0o700 });
      if (process.getuid?.() === 0) chownSync(live, uid, gid);
      chmodSync(live, mode & 0o7777);
    });
    await fsyncDirectory(path.dirname(live));
  }
}

/** Moves the directories back, however many were moved aside. Returns where files written into the new ones in the meantime are kept. */
export async function moveBack(moves: readonly Move[], step: OnStep = noSteps): Promise<string[]> {
  const kept: string[] = [];
  for (const { live, aside } of moves.toReversed()) {
    if (!existsSync(aside)) continue;
    step({ action: "move", object: `${live} ${aside}.new` });
    attempt(`${live} cannot be moved away`, () => {
      if (existsSync(live) && !removedEmpty(live)) renameSync(live, `${aside}.new`);
    });
    if (existsSync(`${aside}.new`)) kept.push(`${aside}.new`);
    step({ action: "move", object: `${aside} ${live}` });
    attempt(`${aside} cannot be moved back`, () => renameSync(aside, live));
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
