/** The locks of a reinit, and a signal that also aborts when one of them is lost. */
import type { SiteConfig } from "../../config/load.ts";
import { assertWritable } from "../../store/writable.ts";
import type { Report } from "../../model/event.ts";
import { holdStoreLocks, type HeldLocks } from "../../store/lock/store-locks.ts";

/** Acquires the lock of the store, and the second one of the config. Throws `E_LOCKED`. */
export async function hold(
  store: string,
  config: SiteConfig,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<HeldLocks> {
  assertWritable(store);
  return await holdStoreLocks(store, { command: "reinit", breakLock: false, lockFile: config.lock_file, ...options });
}
