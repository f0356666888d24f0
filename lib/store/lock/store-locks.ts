/** The locks of a store: its own, and the second one of the config. */
import path from "node:path";
import type { HoldfastError } from "../../errors.ts";
import { acquireLock, type Lock } from "./acquire.ts";

export interface StoreLockOptions {
  /** The command's name, for whoever waits. */
  readonly command: string;
  /** Take over a lock held from another host. */
  readonly breakLock: boolean;
  /** The second lock. */
  readonly lockFile?: string | undefined;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
  /** Called if a lock is lost while it should be held. */
  readonly onLost: (error: HoldfastError) => void;
}

export interface StoreLocks {
  readonly locks: readonly Lock[];
  /** Throws `E_LOCKED` if a lock has been lost. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** Acquires the locks, the store's own first. Throws `E_LOCKED`, with none of them held. */
export async function acquireStoreLocks(store: string, options: StoreLockOptions): Promise<StoreLocks> {
  const { lockFile, onLost, ...rest } = options;
  const locks: Lock[] = [];
  const release = async (): Promise<void> => {
    for (const lock of locks.toReversed()) await lock.release();
  };
  try {
    for (const file of [path.join(store, ".lock"), ...(lockFile === undefined ? [] : [path.resolve(lockFile)])])
      locks.push(await acquireLock(file, { ...rest, tmp: path.join(store, ".tmp"), onCompromised: onLost }));
  } catch (error) {
    await release();
    throw error;
  }
  return {
    locks,
    assertHeld: async () => {
      for (const lock of locks) await lock.assertHeld();
    },
    release,
  };
}
