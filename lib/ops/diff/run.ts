/** Compares two runs of a store, or a run with the site as it is now. */
import type { SiteConfig } from "../../config/load.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { findStore } from "../../store/open.ts";
import { findRun } from "../runs/find-run.ts";
import { compareSides, type Comparison } from "./compare.ts";
import { liveSide } from "./state/live.ts";
import { runSide } from "./state/run.ts";

export interface DiffRequest {
  readonly store: string;
  /** The id of a run, `latest` or `last`. */
  readonly from: string;
  /** The other run, or the config of the site that is compared as it is now. */
  readonly to: string | SiteConfig;
  /** Reads archives for the files that changed in them. */
  readonly files: boolean;
}

export interface Diff extends Comparison {
  readonly from: string;
  /** The id of the other run, or `live`. */
  readonly to: string;
}

/**
 * Compares by what was recorded: content digests, lists of files, rows and digests of tables. Changes nothing. Throws
 * `E_STORE`, `E_RUN_UNKNOWN`, and `E_VERIFY` or `E_ARCHIVE` for what is damaged.
 */
export async function diff({ store: dest, from, to, files }: DiffRequest, signal: AbortSignal): Promise<Diff> {
  const { path: store } = await findStore(dest);
  const first = findRun(store, from);
  const second = typeof to === "string" ? findRun(store, to) : undefined;
  const unpin = [await pinRun(store, first, "diff")];
  if (second !== undefined) unpin.push(await pinRun(store, second, "diff"));
  try {
    const was = runSide(store, first, signal);
    const now =
      typeof to === "string"
        ? runSide(store, second ?? first, signal)
        : await liveSide(to, store, was, { files, signal });
    return { from: first, to: now.name, ...(await compareSides(was, now, files)) };
  } finally {
    for (const end of unpin) end();
  }
}
