/** Finds steps that lost so much that the run must not become `latest`. */
import type { Loss, StepSummary } from "../../model/run.ts";
import type { Failure, StepName } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { STEPS } from "../../steps/registry.ts";
import { plural } from "../../report/format.ts";
import { findLatest } from "../../store/run/publish.ts";
import { listMetadata } from "../../store/run/step-index.ts";

/**
 * Returns the steps that failed as a whole, or have less than half of the units of the current `latest`. A layered step
 * is returned if more of its units failed than succeeded.
 */
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
    const failed = failures.filter((one) => one.step === step && one.severity === "failed").length;
    // Shards are merged, so that their number says nothing: what failed is counted instead.
    const isLost = STEPS[step].sharded === true ? failed > units : before !== null && units * 2 < before;
    return isLost ? [{ step, reason: "lost", units, before }] : [];
  });
}

/** Describes a loss for display. */
export const describeLoss = ({ step, reason, units, before }: Loss): string =>
  reason === "failed"
    ? `${step} failed as a whole`
    : `${step} has ${plural(units, "unit")}${before === null ? "" : ` of the ${before} that the latest run has`}`;
