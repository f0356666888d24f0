/** The locks of a reinit, and a signal that also aborts when one of them is lost. */
import type { SiteConfig } from "../../config/load.ts";
import { assertWritable } from "../../store/writable.ts";
import type { Report } from "../../model/event.ts";
import { acquireStoreLocks, type StoreLocks } from "../../store/lock/store-locks.ts";

export interface HeldReinit extends StoreLocks {
  readonly signal: AbortSignal;
}

/** Acquires the lock of the store, and the second one of the config. Throws `E_LOCKED`. */
export async function hold(
  store: string,
  config: SiteConfig,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<HeldReinit> {
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  assertWritable(store);
  const lock = await acquireStoreLocks(store, {
    command: "reinit",
    breakLock: false,
    lockFile: config.lock_file,
    signal,
    report: options.report,
    onLost: (error) => lost.abort(error),
  });
  return { ...lock, signal };
}
