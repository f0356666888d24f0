/** The locks of a reinit, and a signal that also aborts when one of them is lost. */
import type { SiteConfig } from "../../config/load.ts";
import type { Report } from "../../model/event.ts";
import { acquireStoreLocks, type StoreLocks } from "../journals/store-locks.ts";

export interface HeldReinit extends StoreLocks {
  readonly signal: AbortSignal;
}

/** Takes the lock of the store, and the config's second one. Throws `E_LOCKED`. */
export async function hold(
  store: string,
  config: SiteConfig,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<HeldReinit> {
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const lock = await acquireStoreLocks(store, { breakLock: false }, config, {
    signal,
    report: options.report,
    onLost: (error) => lost.abort(error),
  });
  return { ...lock, signal };
}
