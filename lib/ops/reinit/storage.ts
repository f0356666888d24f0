/** Replaces storage directories by empty ones with their owner and mode, and moves the previous ones back. */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
} from "node:fs";
import path from "node:path";
import { TreeHandles } from "../../archive/tree/handles.ts";
import { fromString, toBuffer } from "../../archive/path.ts";
import { realPlace } from "../../archive/tree/real-path.ts";
import { HoldfastError } from "../../errors.ts";
import { fsyncDirectory } from "../../store/files/atomic.ts";
import { noSteps, type OnStep } from "../journals/on-step.ts";

export interface Move {
  /** An absolute path, with every link resolved. */
  readonly live: string;
  readonly aside: string;
}

/**
 * Plans the moves that empty these directories. Throws `E_CONFIG` for one that is missing, inside another, or holds
 * something that must stay (`inUse`: the site's root, the store, database files), and `E_LINK` for one behind an
 * untrusted link.
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
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${place} is not a directory`, {
        hint: "correct the path, or remove it",
      });
    return realPlace(place);
  });
  for (const [at, live] of lives.entries()) {
    const held = inUse.map(real).find((one) => isWithin(one, live));
    if (held !== undefined)
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${live} holds ${held}, which has to stay`, {
        hint: "list only the directories of the users' files",
      });
    if (lives.some((other, index) => index !== at && isWithin(live, other)))
      throw new HoldfastError("E_CONFIG", `portable.reinit.storage: ${live} is listed twice, or is inside another`, {
        hint: "list only the outer directory",
      });
  }
  return lives.map((live) => ({ live, aside: asideOf(live, stamp) }));
}

const asideOf = (live: string, stamp: string): string => `${live}.reinit-${stamp}`;

/**
 * Throws `E_VERIFY` for moves that a reinit of this config cannot have made. Its journal is in the store, which may
 * belong to a user who must not move what root can.
 */
export function checkMoves(root: string, directories: readonly string[], stamp: string, moves: readonly Move[]): void {
  const lives = new Set(directories.map((directory) => realPlace(path.resolve(root, directory))));
  const other = moves.find(({ live, aside }) => !lives.has(live) || aside !== asideOf(live, stamp));
  if (other === undefined) return;
  throw new HoldfastError(
    "E_VERIFY",
    `the journal of the reinit ${stamp} moves ${other.aside} to ${other.live}, which is not in the config`,
    { hint: "check who can write to reinits/ in the store, and whether portable.reinit.storage has changed" },
  );
}

const real = (place: string): string => (existsSync(place) ? realpathSync(place) : place);
const isWithin = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`);

/** Renames each directory to its previous path, and creates an empty one in its place. */
export async function moveAside(moves: readonly Move[], step: OnStep = noSteps): Promise<void> {
  for (const { live, aside } of moves) {
    besides(live, (at) => {
      const stats = lstatSync(at(live));
      step({ action: "move", object: `${live} ${aside}` });
      attempt(`${live} cannot be renamed`, () => renameSync(at(live), at(aside)));
      step({ action: "make", object: live });
      attempt(`${live} cannot be created again`, () => makeLike(at(live), stats));
    });
    await fsyncDirectory(path.dirname(live));
  }
}

/**
 * Moves the directories back, however many were renamed. Returns the paths of files written into the new ones in the
 * meantime.
 */
export async function moveBack(moves: readonly Move[], step: OnStep = noSteps): Promise<string[]> {
  const kept: string[] = [];
  for (const { live, aside } of moves.toReversed()) {
    if (!existsSync(aside)) continue;
    besides(live, (at) => {
      step({ action: "move", object: `${live} ${aside}.new` });
      attempt(`${live} cannot be moved away`, () => {
        if (existsSync(at(live)) && !removedEmpty(at(live))) renameSync(at(live), at(`${aside}.new`));
      });
      if (existsSync(at(`${aside}.new`))) kept.push(`${aside}.new`);
      step({ action: "move", object: `${aside} ${live}` });
      attempt(`${aside} cannot be moved back`, () => renameSync(at(aside), at(live)));
    });
    await fsyncDirectory(path.dirname(live));
  }
  return kept;
}

/** Calls `work` with a function that returns paths beside `live`, through a handle of the parent directory. */
function besides(live: string, work: (at: (file: string) => Buffer) => void): void {
  const handles = new TreeHandles(fromString(path.dirname(live)));
  try {
    work((file) => toBuffer(handles.at(fromString(path.basename(file)))));
  } finally {
    handles.close();
  }
}

/** Makes an empty directory with this owner and mode. Throws if another directory replaces it before they are set. */
function makeLike(place: Buffer, { mode, uid, gid }: Stats): void {
  mkdirSync(place, { mode: 0o700 });
  const handle = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (fstatSync(handle).uid !== process.geteuid?.() || readdirSync(`/proc/self/fd/${handle}`).length > 0)
      throw new Error("another directory replaced it");
    if (process.getuid?.() === 0) fchownSync(handle, uid, gid);
    fchmodSync(handle, mode & 0o7777);
  } finally {
    closeSync(handle);
  }
}

function removedEmpty(directory: Buffer): boolean {
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
      hint: "mount points cannot be moved, and the parent directory must be writable",
      cause: error,
    });
  }
}
