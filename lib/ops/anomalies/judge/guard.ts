/** The anomaly guard of a backup: judges the run before it is published, and keeps its figures afterwards. */
import type { AnomalySettings } from "../../../config/settings/anomalies.ts";
import { asHoldfastError } from "../../../errors.ts";
import type { Anomaly } from "../../../model/anomaly.ts";
import type { Report } from "../../../model/event.ts";
import type { ManifestHead } from "../../../model/run.ts";
import type { Failure } from "../../../model/unit.ts";
import { summarize } from "../describe.ts";
import type { UnitFacts } from "../facts.ts";
import { tidyHistory } from "../history/good-runs.ts";
import { runSeries, writeSeries } from "../history/series.ts";
import { judgeRun } from "./run.ts";
import { repairLastGood } from "../last-good.ts";
import { WINDOW } from "../rules/series.ts";

export interface Guard {
  readonly anomalies: readonly Anomaly[];
  /** Keeps the figures of the published run, and makes `last_good` name the newest good run. */
  readonly finish: (head: ManifestHead) => Promise<void>;
}

/** Judges a full run and reports what was found, in one note. A failure to judge it never keeps it from being published. */
export async function guardRun(
  store: string,
  run: string,
  found: { readonly units: Iterable<UnitFacts>; readonly failures: readonly Failure[] },
  { settings, report }: { readonly settings: AnomalySettings; readonly report: Report },
): Promise<Guard> {
  const judgement = await judgeRun({ store, run, ...found, settings }).catch((error: unknown) => {
    const text = `the run could not be compared with the history of the site: ${asHoldfastError(error).message}`;
    report({ type: "note", level: "error", text });
  });
  if (judgement === undefined) return noGuard(store);
  const { anomalies, steps, good } = judgement;
  if (anomalies.length > 0) {
    const hasAlarm = anomalies.some(({ level }) => level === "alarm");
    report({ type: "note", level: hasAlarm ? "error" : "warning", text: summarize(run, anomalies) });
  }
  const finish = async (head: ManifestHead): Promise<void> => {
    await repairLastGood(store);
    await writeSeries(store, runSeries(head, steps));
    tidyHistory(store, good[WINDOW - 1], new Set(good));
  };
  return { anomalies, finish };
}

/** Returns the guard of a run that is not judged: a selection, a safety run, or one that could not be compared. */
export const noGuard = (store: string): Guard => ({
  anomalies: [],
  finish: async () => void (await repairLastGood(store)),
});
