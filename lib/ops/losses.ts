/** Steps of a run that lost so much that the run must not become `latest`. */
import type { Loss, StepSummary } from "../model/run.ts";
import type { Failure, StepName } from "../model/unit.ts";
import { runDirectory } from "../store/layout.ts";
import { findLatest } from "../store/publish.ts";
import { listMetadata } from "../store/step-index.ts";

/** Steps whose number of units says nothing of what they hold: shards of the audio cache are merged. */
const MERGED_UNITS: ReadonlySet<StepName> = new Set(["audio_cache"]);

/** Returns the steps that failed as a whole, or have less than half of the units of the run that is `latest` now. */
export function findLosses(
  store: string,
  steps: ReadonlyMap<StepName, Pick<StepSummary, "status" | "units">>,
  failures: readonly Failure[],
): Loss[] {
  const latest = findLatest(store);
  return [...steps].flatMap(([step, { status, units }]): Loss[] => {
    const before = latest === undefined ? null : listMetadata(runDirectory(store, latest), step).length;
    const whole = failures.some((one) => one.step === step && one.unit === null && one.severity === "failed");
    if (whole || status === "failed") return [{ step, reason: "failed", units, before }];
    if (before !== null && units * 2 < before && !MERGED_UNITS.has(step))
      return [{ step, reason: "lost", units, before }];
    return [];
  });
}

/** Returns a line for people. */
export const describeLoss = ({ step, reason, units, before }: Loss): string =>
  reason === "failed"
    ? `${step} failed as a whole`
    : `${step} has ${units} of the ${before ?? 0} units that the latest run has`;
