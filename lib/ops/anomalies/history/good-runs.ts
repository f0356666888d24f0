/** The good runs of a store that a new run is judged by. */
import { rmSync } from "node:fs";
import type { Accepted } from "../../../model/anomaly.ts";
import { listRuns } from "../../../store/files/layout.ts";
import { openAnomalies, readAccepted } from "../accepted.ts";
import { WINDOW } from "../rules/series.ts";
import { historyFile, listSeries, readSeries, type RunSeries } from "./series.ts";

/** The figures of a good run, and what was accepted of its anomalies. */
export interface GoodRun {
  readonly series: RunSeries;
  readonly accepted: Accepted["accepted"];
}

/** Yields the newest good runs before `run`, the newest first. */
export async function* goodRuns(store: string, run: string): AsyncGenerator<GoodRun, undefined> {
  let found = 0;
  for (const id of [...new Set([...listRuns(store), ...listSeries(store)])].toSorted().toReversed()) {
    if (id >= run) continue;
    const series = await readSeries(store, id);
    const accepted = series?.status === "complete" ? tryReadAccepted(store, id) : undefined;
    if (series === undefined || accepted === undefined || openAnomalies(store, series).length > 0) continue;
    yield { series, accepted };
    if (++found === WINDOW) return undefined;
  }
  return undefined;
}

/** Removes figures that nothing will be judged by: before `oldest`, and of runs that are gone and were not good. */
export function tidyHistory(store: string, oldest: string | undefined, good: ReadonlySet<string>): void {
  const runs = new Set(listRuns(store));
  for (const run of listSeries(store)) {
    const isOld = oldest !== undefined && run < oldest;
    if (isOld || (!good.has(run) && !runs.has(run))) rmSync(historyFile(store, run), { force: true });
  }
}

/** Returns what was accepted of a run; undefined if the document is damaged: then the run does not count as good. */
function tryReadAccepted(store: string, run: string): Accepted["accepted"] | undefined {
  try {
    return readAccepted(store, run);
  } catch {
    return undefined;
  }
}
