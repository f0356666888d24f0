/** The anomalies of runs. */
import { HoldfastError } from "../errors.ts";
import { acceptAnomalies, type AcceptOutcome } from "../ops/anomalies/review/accept.ts";
import { listAnomalies, type AnomalyListing } from "../ops/anomalies/review/list.ts";
import type { Frame } from "./call.ts";
import type { SiteStore } from "./site.ts";

export interface AnomaliesOptions {
  /** An id, `latest` or `last`; all runs by default. */
  readonly run?: string | undefined;
}

/** Lists the anomalies of runs. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_VERIFY`. */
export const anomaliesIn = async (store: string, { run }: AnomaliesOptions): Promise<AnomalyListing> =>
  await listAnomalies(store, run);

export interface AcceptOptions {
  /** An id, `latest` or `last`. */
  readonly run: string;
  /** Code of the anomalies, such as `shrank`. */
  readonly code: string;
  /** Accepts those of this step only; likewise of `unit` and `table`. */
  readonly step?: string | undefined;
  readonly unit?: string | undefined;
  readonly table?: string | undefined;
  /** Why they are as they should be. */
  readonly reason: string;
  readonly dryRun?: boolean | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
}

export interface AcceptSummary extends AcceptOutcome {
  readonly dry_run: boolean;
}

/** Accepts anomalies of a run. Throws what `acceptAnomalies` throws. */
export async function acceptIn(
  { store, config }: SiteStore,
  options: AcceptOptions,
  frame: Frame,
): Promise<AcceptSummary> {
  const { run, code, step, unit, table, dryRun = false, breakLock = false } = options;
  const reason = options.reason.trim();
  if (reason === "") throw new HoldfastError("E_USAGE", "the reason is empty", { hint: "say why, in a few words" });
  const about = { run, code, step, unit, table, reason };
  const request = { store, ...about, dryRun, breakLock, signing: config?.signing };
  return { ...(await acceptAnomalies(request, frame)), dry_run: dryRun };
}
