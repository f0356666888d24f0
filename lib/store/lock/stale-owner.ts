/** Reads an existing lock, and removes a stale one so that only one contender succeeds. */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { lstat, readFile, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HoldfastError, systemCode } from "../../errors.ts";
import { makeDirectory, storeError } from "../files/atomic.ts";
import { describeOwner, livenessOf, ownerSchema, processesHolding, type LockOwner } from "./process-owner.ts";

export const OWNER_FILE = "owner.json";

/** The time for a lock without an owner file, and for the children of a dead owner to end. */
const OWNER_WAIT_MS = 2000;
const CHILDREN_WAIT_MS = 30_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The path of a lock, and the names of its temporary files. */
export interface Place {
  readonly path: string;
  readonly beside: (what: string) => string;
}

/** A lock on disk. Each lock that ever existed has its own `identity`. */
export interface FoundLock {
  readonly owner: LockOwner | null;
  readonly identity: string;
}

export interface TakeoverOptions {
  readonly signal: AbortSignal;
  readonly breakLock: boolean;
  readonly onNote: (text: string) => void;
}

/**
 * Returns the path of the lock `file`. Its temporary files lie in `tmp` if that is next to the lock, else next to the
 * lock itself: two contenders must agree on it. Creates `tmp`. Throws `E_STORE` if the parent directory is missing.
 */
export async function placeOf(file: string, tmp: string): Promise<Place> {
  const absolute = path.resolve(file);
  try {
    const parent = await realpath(path.dirname(absolute));
    const name = path.basename(absolute);
    const tmpParent = await realpath(path.dirname(path.resolve(tmp))).catch(() => null);
    const directory = tmpParent === parent ? path.join(parent, path.basename(tmp)) : parent;
    await makeDirectory(directory, 0o700);
    const prefix = name.startsWith(".") ? name : `.${name}`;
    return { path: path.join(parent, name), beside: (what) => path.join(directory, `${prefix}-${what}`) };
  } catch (error) {
    throw storeError(`${file} cannot be locked`, error);
  }
}

/** Returns the lock at `file`; undefined if it is free. Throws `E_LOCKED` for anything else, which is never touched. */
export async function findLock(file: string): Promise<FoundLock | undefined> {
  const stat = await unlessMissing(lstat(file));
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) throw notOurs(file, "is not a lock of Holdfast, so that another program may hold it");
  const names = await unlessMissing(readdir(file));
  if (names === undefined) return undefined;
  if (names.some((name) => name !== OWNER_FILE)) throw notOurs(file, "is a directory with other things in it");
  return await readLock(file);
}

/** Reads the owner and the identity of a lock; the owner is null if it is missing or invalid. */
export async function readLock(file: string): Promise<FoundLock> {
  const ownerFile = path.join(file, OWNER_FILE);
  const [text, stat] = await Promise.all([
    unlessMissing(readFile(ownerFile, "utf8")),
    unlessMissing<BigIntStats>(lstat(ownerFile, { bigint: true })),
  ]);
  if (text === undefined || stat === undefined) return { owner: null, identity: "" };
  const identity = createHash("sha256").update(`${stat.ino} ${stat.mtimeNs} ${text}`).digest("hex").slice(0, 32);
  return { owner: parseOwner(text), identity };
}

/** Parses an owner file; returns null for invalid content. */
export function parseOwner(text: string): LockOwner | null {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return null; // cut off by a power failure, or written by nobody we know
  }
}

/**
 * Removes a stale lock after the last child of its owner has ended. Returns false if the lock has changed meanwhile.
 * Throws `E_LOCKED` if the owner lives or is on another host, or if its children do not end.
 */
export async function removeStaleLock(place: Place, found: FoundLock, options: TakeoverOptions): Promise<boolean> {
  const { owner } = found;
  if (owner === null) {
    if (!(await staysOwnerless(place, found, options.signal))) return false;
    const removed = found.identity === "" ? await removeEmpty(place) : await moveAside(place, found);
    if (removed) options.onNote(`removed the lock ${place.path}, which had no owner`);
    return removed;
  }
  const liveness = livenessOf(owner);
  if (liveness === "alive") throw heldBy(place, owner, `wait until it has ended, or end it with: kill ${owner.pid}`);
  if (liveness === "unknown" && !options.breakLock) {
    const hint = "that process is not visible from here; once you are sure that it has ended, pass --break-lock";
    throw heldBy(place, owner, hint);
  }
  await waitForChildren(owner, options);
  if (!(await moveAside(place, found))) return false;
  const why = liveness === "dead" ? "which is no longer running" : "as --break-lock demands";
  options.onNote(`took over the lock of ${describeOwner(owner)}, ${why}`);
  return true;
}

/** Removes files that takeovers and killed contenders left more than a day ago. */
export async function sweep(place: Place): Promise<void> {
  const prefix = place.beside("");
  const directory = path.dirname(prefix);
  for (const name of await readdir(directory).catch(() => [])) {
    const start = path.basename(prefix);
    if (!name.startsWith(start) || !/^(dead|new|old)-[0-9a-f-]+$/.test(name.slice(start.length))) continue;
    const leftover = path.join(directory, name);
    const stat = await lstat(leftover).catch(() => undefined);
    if (stat === undefined || stat.ctimeMs > Date.now() - DAY_MS) continue;
    await rm(leftover, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * Renames the lock to a name made of its identity. That name stays in use for a day, and rename(2) fails for a target
 * that is not empty: a contender that acts late on the same dead owner cannot remove the next owner's lock.
 */
async function moveAside(place: Place, found: FoundLock): Promise<boolean> {
  try {
    if ((await readLock(place.path)).identity !== found.identity) return false;
    await rename(place.path, place.beside(`dead-${found.identity}`));
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) return false;
    throw storeError(`the dead lock ${place.path} cannot be taken over`, error);
  }
}

/** Removes an empty lock: rmdir(2) fails once it has an owner. */
async function removeEmpty(place: Place): Promise<boolean> {
  try {
    await rmdir(place.path);
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) return false;
    throw storeError(`the dead lock ${place.path} cannot be taken over`, error);
  }
}

async function staysOwnerless(place: Place, found: FoundLock, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + OWNER_WAIT_MS;
  while (performance.now() < until) {
    await sleep(50, undefined, { signal });
    const now = await findLock(place.path);
    if (now === undefined || now.owner !== null || now.identity !== found.identity) return false;
  }
  return true;
}

async function waitForChildren(owner: LockOwner, options: TakeoverOptions): Promise<void> {
  const until = performance.now() + CHILDREN_WAIT_MS;
  let told = false;
  // Twice, because a process may have started while the list was read.
  for (let none = 0; none < 2;) {
    options.signal.throwIfAborted();
    const pids = processesHolding(owner.token);
    none = pids.length === 0 ? none + 1 : 0;
    if (pids.length > 0 && performance.now() > until) {
      throw new HoldfastError(
        "E_LOCKED",
        `${owner.command} has ended, but processes of it still run: ${pids.join(", ")}`,
        {
          hint: `wait until they have ended, or end them with: kill ${pids.join(" ")}`,
        },
      );
    }
    if (pids.length > 0 && !told)
      options.onNote(`waiting for processes that ${owner.command} left running: ${pids.join(", ")}`);
    told ||= pids.length > 0;
    await sleep(none > 0 ? 10 : 100, undefined, { signal: options.signal });
  }
}

function heldBy(place: Place, owner: LockOwner, hint: string): HoldfastError {
  return new HoldfastError("E_LOCKED", `${place.path} is held by ${describeOwner(owner)}`, { hint });
}

function notOurs(file: string, what: string): HoldfastError {
  return new HoldfastError("E_LOCKED", `${file} ${what}`, {
    hint: "remove it when nothing uses it, or name another lock file",
  });
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    if (systemCode(error) !== "EACCES") throw storeError("the lock cannot be read", error);
    throw new HoldfastError("E_LOCKED", "the lock belongs to another user and cannot be read", {
      cause: error,
      hint: "run it as the user that made the lock, or as root",
    });
  }
}
