/** Lists the anomalies of the runs of a store. */
import type { Accepted, Anomaly } from "../../../model/anomaly.ts";
import { listRuns, runDirectory } from "../../../store/files/layout.ts";
import { findStore } from "../../../store/open.ts";
import { readManifestHead } from "../../../store/run/manifest.ts";
import { findRun } from "../../runs/find-run.ts";
import { isSame, readAccepted } from "../accepted.ts";
import { readLastGood } from "../last-good.ts";

export interface ListedAnomaly extends Anomaly {
  readonly run: string;
  /** Who accepted it, when and why; null if it is open. */
  readonly accepted: Pick<Accepted["accepted"][number], "reason" | "by" | "at"> | null;
}

export interface AnomalyListing {
  /** The run that the store's `last_good` names. */
  readonly last_good: string | null;
  /** The newest run first. */
  readonly anomalies: readonly ListedAnomaly[];
}

/**
 * Lists the anomalies of all runs, or of one: an id, `latest` or `last`. Throws `E_STORE`, `E_RUN_UNKNOWN`, and
 * `E_VERIFY` for a damaged document.
 */
export async function listAnomalies(dest: string, name: string | undefined): Promise<AnomalyListing> {
  const { path: store } = await findStore(dest);
  const runs = name === undefined ? listRuns(store).toReversed() : [findRun(store, name)];
  return { last_good: readLastGood(store) ?? null, anomalies: runs.flatMap((run) => anomaliesOf(store, run)) };
}

/** Returns the anomalies of a run, each with who accepted it. */
export function anomaliesOf(store: string, run: string): ListedAnomaly[] {
  const { anomalies } = readManifestHead(runDirectory(store, run));
  if (anomalies.length === 0) return [];
  const accepted = readAccepted(store, run);
  return anomalies.map((anomaly) => {
    const found = accepted.find((one) => isSame(one, anomaly));
    return { run, ...anomaly, accepted: found === undefined ? null : pick(found) };
  });
}

const pick = ({ reason, by, at }: Accepted["accepted"][number]): ListedAnomaly["accepted"] => ({ reason, by, at });
