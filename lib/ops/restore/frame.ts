/** What a restore in place holds while it works, and what forbids it to begin. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { acquireLock, type Lock } from "../../store/lock.ts";
import { refusePendingReinit } from "../reinit/journal.ts";
import { isCutOff, pendingRestores, sourceOf } from "./journal.ts";
import type { RestoreRequest } from "./request.ts";

export interface Held {
  readonly locks: readonly Lock[];
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** The store's lock, and the config's second one. */
export async function takeLock(
  store: string,
  request: Pick<RestoreRequest, "breakLock">,
  config: SiteConfig | undefined,
  options: { readonly signal: AbortSignal; readonly report: Report; readonly onLost: (error: HoldfastError) => void },
): Promise<Held> {
  const second = config?.lock_file;
  const locks: Lock[] = [];
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
 * Throws `E_PENDING` while an earlier restore in place is neither finished nor confirmed, or a reinit was cut off: which of two to go back to could not
 * be told.
 */
export function refusePending(store: string): void {
  refusePendingReinit(store);
  const [pending] = pendingRestores(store);
  if (pending === undefined) return;
  const { restore, phase } = pending;
  if (isCutOff(pending))
    throw new HoldfastError("E_PENDING", `the restore ${restore} of ${sourceOf(pending)} was cut off while ${phase}`, {
      hint: `restore.ts --recover ${restore} finishes it or takes it back`,
    });
  throw new HoldfastError("E_PENDING", `the restore ${restore} of ${sourceOf(pending)} keeps what it replaced`, {
    hint: `restore.ts --confirm ${restore} when all is well, or --rollback ${restore}`,
  });
}
