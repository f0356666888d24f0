/** The locks of an in-place restore, and the conditions under which it refuses to start. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { acquireLock, type Lock } from "../../store/lock/acquire.ts";
import { describeOwner, livenessOf } from "../../store/lock/process-owner.ts";
import { assertWritable } from "../../store/writable.ts";
import { assertNoPendingReinit } from "./reinit-journal.ts";
import { assertReadable, pendingRestores, sourceOf } from "./restore-journal.ts";
import { hintOf, RESTORE_RULES, stateOf } from "./restore-state.ts";

export interface StoreLocks {
  readonly locks: readonly Lock[];
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Acquires the lock of the store, and the second one of the config. Throws `E_LOCKED`, and `E_STORE` if the store is
 * not writable.
 */
export async function acquireStoreLocks(
  store: string,
  request: { readonly breakLock: boolean },
  config: SiteConfig | undefined,
  options: { readonly signal: AbortSignal; readonly report: Report; readonly onLost: (error: HoldfastError) => void },
): Promise<StoreLocks> {
  const second = config?.lock_file;
  const locks: Lock[] = [];
  assertWritable(store);
  const release = async (): Promise<void> => {
    for (const lock of locks.toReversed()) await lock.release();
  };
  try {
    for (const file of [path.join(store, ".lock"), ...(second === undefined ? [] : [path.resolve(second)])])
      locks.push(
        await acquireLock(file, {
          command: "restore",
          signal: options.signal,
          breakLock: request.breakLock,
          tmp: path.join(store, ".tmp"),
          onNote: (text) => options.report({ type: "note", level: "warning", text }),
          onCompromised: options.onLost,
        }),
      );
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

/**
 * Throws `E_PENDING` while an earlier in-place restore or reinit has not ended. Two earlier states of the site could
 * not be distinguished if both were kept. Throws `E_VERIFY` for a damaged journal, `E_LOCKED` while the other restore
 * is running.
 */
export function assertNothingPending(store: string): void {
  assertNoPendingReinit(store);
  assertReadable(store);
  const pending = pendingRestores(store).find((one) => !RESTORE_RULES[stateOf(one)].begin);
  if (pending === undefined) return;
  const { restore, phase, process: owner } = pending;
  const state = stateOf(pending);
  const what = `the restore ${restore} of ${sourceOf(pending)}`;
  if (state === "completed")
    throw new HoldfastError("E_PENDING", `${what} keeps what it replaced`, { hint: hintOf(state, restore) });
  if (livenessOf(owner) === "alive" && owner.pid !== process.pid)
    throw new HoldfastError("E_LOCKED", `${what} is running: ${describeOwner(owner)}`);
  throw new HoldfastError("E_PENDING", `${what} was interrupted while ${phase.replace("_", " ")}`, {
    hint: hintOf(state, restore),
  });
}
