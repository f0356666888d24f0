/**
 * Acquires the exclusive lock of a store, a directory with `owner.json`. proper-lockfile updates its time, notices when
 * it is removed and removes it at exit; process-owner.ts decides whether a holder lives, never by age. The directory is
 * renamed into place complete, and rename(2) fails if another is there: no crash leaves a lock without an owner.
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import lockfile from "proper-lockfile";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import { makeDirectory, storeError } from "../files/atomic.ts";
import { formatJson } from "../files/json-documents.ts";
import { TOKEN_VARIABLE, describeOwner, ownerOfThisProcess, type LockOwner } from "./process-owner.ts";
import {
  OWNER_FILE,
  findLock,
  parseOwner,
  placeOf,
  readLock,
  removeStaleLock,
  sweep,
  type Place,
} from "./stale-owner.ts";

export { TOKEN_VARIABLE, type LockOwner } from "./process-owner.ts";

const HEARTBEAT_MS = 5000;
/** The age at which proper-lockfile would take over: never. */
const NEVER_STALE = Number.MAX_SAFE_INTEGER;
/** The number of attempts while other processes win the lock and release it. */
const ROUNDS = 200;

export interface Lock {
  readonly token: string;
  /** The owner of the stale lock that this one replaced. */
  readonly takenOver: LockOwner | null;
  /** Throws `E_LOCKED` if the lock on disk is no longer ours. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

export interface LockOptions {
  /** Name of the command, e.g. `backup_all`, for the process that finds the lock held. */
  readonly command: string;
  readonly signal: AbortSignal;
  /** Take the lock from an owner on another host. A living owner on this host keeps it. */
  readonly breakLock?: boolean;
  /** Directory for what takeovers leave: the store's `.tmp`. Created if missing. */
  readonly tmp: string;
  readonly onNote?: (text: string) => void;
  /** Called within some seconds after the lock was removed. */
  readonly onCompromised: (error: HoldfastError) => void;
}

/**
 * Acquires the lock at `file` (`<dest>/.lock`, or `--lock-file`). Until it is released, every process that this one
 * starts carries the token in its environment. Throws `E_LOCKED` with the holder, `E_STORE` if none can be made.
 */
export async function acquireLock(file: string, options: LockOptions): Promise<Lock> {
  const place = await placeOf(file, options.tmp);
  const token = claimToken();
  try {
    const { takenOver, release } = await contend(place, token, options);
    await sweep(place);
    return { token, takenOver, assertHeld: () => assertToken(place.path, token), release };
  } catch (error) {
    dropToken();
    throw error;
  }
}

/** Returns the lock of the parent for the process of a step; it is checked by its token. Throws `E_LOCKED`. */
export function inheritLock(file: string, token: string): Lock {
  requireToken(file, token, parseOwner(readIfThere(path.join(file, OWNER_FILE))));
  return { token, takenOver: null, assertHeld: () => assertToken(file, token), release: async () => {} };
}

/** Returns the holder of the lock at `file`; null if it is free. */
export async function readOwner(file: string): Promise<LockOwner | null> {
  return (await readLock(file)).owner;
}

async function contend(place: Place, token: string, options: LockOptions) {
  const onNote = options.onNote ?? (() => {});
  let takenOver: LockOwner | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    options.signal.throwIfAborted();
    const found = await findLock(place.path);
    if (found === undefined) {
      const release = await take(place, token, options, onNote);
      if (release !== undefined) return { takenOver, release };
    } else if (await removeStaleLock(place, found, { ...options, breakLock: options.breakLock ?? false, onNote })) {
      takenOver = found.owner;
    }
  }
  throw new HoldfastError("E_LOCKED", `${place.path} is taken by other processes again and again`);
}

/** Tries once; returns undefined if another process was faster. */
async function take(place: Place, token: string, options: LockOptions, onNote: (text: string) => void) {
  const draft = place.beside(`new-${randomUUID()}`);
  let held = true;
  try {
    await makeDirectory(draft, 0o755);
    await writeFile(path.join(draft, OWNER_FILE), formatJson(ownerOfThisProcess(options.command, token)));
    const stop = await lockfile.lock(place.path, {
      lockfilePath: place.path,
      realpath: false,
      stale: NEVER_STALE,
      update: HEARTBEAT_MS,
      retries: 0,
      fs: lockfileFs(place, draft, token),
      // Also called if only the time stamp is odd, as after a restored snapshot: the token decides.
      onCompromised: () => {
        void assertToken(place.path, token).catch((error: unknown) => {
          if (held) options.onCompromised(storeError("the lock cannot be read", error));
        });
      },
    });
    return async (): Promise<void> => {
      if (!held) return;
      held = false;
      dropToken();
      await stop().catch(() => {}); // it may have stopped by itself; what counts is done next
      try {
        removeOwn(place, token);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        onNote(`the lock could not be removed; the next command will take it over: ${why}`);
      }
    };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOCKED") return undefined;
    throw storeError(`${place.path} cannot be locked`, error);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Returns the file system for proper-lockfile: mkdir renames the draft into place, rmdir removes only our lock. */
function lockfileFs(place: Place, draft: string, token: string): typeof fs {
  const mkdir = (_: string, done: (error: Error | null) => void): void => {
    fs.rename(draft, place.path, (error) => {
      const taken = error !== null && ["ENOTEMPTY", "ENOTDIR"].includes(systemCode(error) ?? "");
      done(taken ? Object.assign(new Error("taken"), { code: "EEXIST" }) : error);
    });
  };
  const rmdirSync = (): void => removeOwn(place, token);
  const rmdir = (_: string, done: (error: unknown) => void): void => {
    try {
      rmdirSync();
      done(null);
    } catch (error) {
      done(error);
    }
  };
  return Object.assign({ ...fs }, { mkdir, rmdir, rmdirSync });
}

/** Renames the lock before it is emptied, so that no process sees a lock without an owner. */
function removeOwn(place: Place, token: string): void {
  if (parseOwner(readIfThere(path.join(place.path, OWNER_FILE)))?.token !== token) return;
  const old = place.beside(`old-${randomUUID()}`);
  fs.renameSync(place.path, old);
  removeTree(fromString(old));
}

async function assertToken(file: string, token: string): Promise<void> {
  requireToken(file, token, await readOwner(file));
}

function requireToken(file: string, token: string, owner: LockOwner | null): void {
  if (owner?.token === token) return;
  const now = owner === null ? "it is gone" : `it is held by ${describeOwner(owner)}`;
  throw new HoldfastError("E_LOCKED", `the lock ${file} was removed: ${now}`, {
    hint: "nothing more was changed; find out what removed the lock, then run it again",
  });
}

function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The token of all locks of this process: one variable in its children's environment covers them. */
let claimed: { readonly token: string; locks: number; readonly before: string | undefined } | undefined;

function claimToken(): string {
  claimed ??= { token: randomUUID(), locks: 0, before: process.env[TOKEN_VARIABLE] };
  claimed.locks++;
  process.env[TOKEN_VARIABLE] = claimed.token;
  return claimed.token;
}

function dropToken(): void {
  if (claimed === undefined || --claimed.locks > 0) return;
  if (claimed.before === undefined) delete process.env[TOKEN_VARIABLE];
  else process.env[TOKEN_VARIABLE] = claimed.before;
  claimed = undefined;
}
