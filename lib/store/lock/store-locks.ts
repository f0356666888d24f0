/** The locks of a store: its own, and the second one of the config. */
import path from "node:path";
import type { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { acquireLock, type Lock } from "./acquire.ts";

export interface StoreLockOptions {
  /** Name of the command, for the process that finds the lock held. */
  readonly command: string;
  /** Take over a lock held from another host. */
  readonly breakLock: boolean;
  /** The second lock. */
  readonly lockFile?: string | undefined;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Called if a lock is lost while it should be held. */
  readonly onLost: (error: HoldfastError) => void;
}

export interface StoreLocks {
  /** Throws `E_LOCKED` if a lock has been lost. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** Locks with a signal that aborts when the caller's does, or when one of them is lost. */
export interface HeldLocks extends StoreLocks {
  readonly signal: AbortSignal;
}

/** Acquires the locks as `acquireStoreLocks` does; the work that they guard takes their signal. */
export async function holdStoreLocks(
  store: string,
  { signal: own, ...options }: Omit<StoreLockOptions, "onLost">,
): Promise<HeldLocks> {
  const lost = new AbortController();
  const signal = AbortSignal.any([own, lost.signal]);
  const locks = await acquireStoreLocks(store, { ...options, signal, onLost: (error) => lost.abort(error) });
  return { ...locks, signal };
}

/** Acquires the locks, the store's own first. Throws `E_LOCKED`, with none of them held. */
export async function acquireStoreLocks(store: string, options: StoreLockOptions): Promise<StoreLocks> {
  const { command, breakLock, lockFile, signal, report, onLost } = options;
  const onNote = (text: string): void => report({ type: "note", level: "warning", text });
  const tmp = path.join(store, ".tmp");
  const locks: Lock[] = [];
  const release = async (): Promise<void> => {
    for (const lock of locks.toReversed()) await lock.release();
  };
  try {
    for (const file of [path.join(store, ".lock"), ...(lockFile === undefined ? [] : [path.resolve(lockFile)])])
      locks.push(await acquireLock(file, { command, breakLock, signal, tmp, onNote, onCompromised: onLost }));
  } catch (error) {
    await release();
    throw error;
  }
  return {
    assertHeld: async () => {
      for (const lock of locks) await lock.assertHeld();
    },
    release,
  };
}
