/** Compares two runs, or a run with the site as it is now. */
import type { SiteConfig } from "../config/load.ts";
import { HoldfastError } from "../errors.ts";
import { diff, type Diff } from "../ops/diff/run.ts";
import type { Frame } from "./call.ts";

export interface DiffOptions {
  /** An id, `latest` or `last`. */
  readonly from: string;
  /** The other run. */
  readonly to?: string | undefined;
  /** Compares with the site as it is now, in place of `to`; needs the config. */
  readonly live?: boolean | undefined;
  /** Reads archives that have no list of their files. */
  readonly files?: boolean | undefined;
}

export interface DiffSummary extends Diff {
  readonly equal: boolean;
}

/** Compares. Throws `E_USAGE` unless exactly one of `to` and `live` is given, and what `diff` throws. */
export async function diffRuns(
  { store, config }: { readonly store: string; readonly config: () => SiteConfig },
  { from, to, live = false, files = false }: DiffOptions,
  { signal }: Pick<Frame, "signal">,
): Promise<DiffSummary> {
  if (live === (to !== undefined))
    throw new HoldfastError("E_USAGE", live ? "live takes one run" : "diff takes two runs, or one and live", {
      hint: "for example: npx tsx scripts/diff.ts latest --live",
    });
  const found = await diff({ store, from, to: to ?? config(), files }, signal);
  return { equal: found.differences.length === 0, ...found };
}
