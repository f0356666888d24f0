/** Adds the results of the steps up, for the manifest. */
import { hostname } from "node:os";
import { addCounters, emptyCounters, type Counters } from "../../archive/counters.ts";
import { HoldfastError } from "../../errors.ts";
import type { Loss, Manifest, ManifestHead, Scope, StepSummary, Totals } from "../../model/run.ts";
import { FORMAT_VERSION, type Failure, type StepName } from "../../model/unit.ts";
import type { StepOutcome } from "../../steps/core/step-run.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { VERSION } from "../../version.ts";

/** The parts of a manifest that the steps determine. */
export interface MergedSteps {
  readonly steps: ReadonlyMap<StepName, StepSummary>;
  readonly failures: readonly Failure[];
  readonly totals: Totals;
  readonly moments: Manifest["moments"];
  readonly work: Counters;
}

/** Adds up what became of the steps, from the units that are in the staging directory `directory`. */
export function mergeSteps(directory: string, run: string, outcomes: readonly StepOutcome[]): MergedSteps {
  const steps = new Map<StepName, StepSummary>();
  const failures: Failure[] = [];
  const totals: Totals = {
    units: 0,
    failed: 0,
    skipped: 0,
    accepted: 0,
    artifacts: 0,
    size_bytes: 0,
    written_bytes: 0,
    reused_bytes: 0,
  };
  const work = emptyCounters();
  let database: string | null = null;
  for (const { step, counters, failures: own, started_at, finished_at } of outcomes) {
    failures.push(...own);
    let units = 0;
    let size = 0;
    for (const metadata of readStepMetadata(directory, step)) {
      units++;
      size += metadata.size_bytes;
      totals.artifacts += metadata.artifacts.length;
      totals[metadata.built_in === run ? "written_bytes" : "reused_bytes"] += metadata.size_bytes;
      if (step === "db") database = earlier(database, metadata["snapshot_at"]);
    }
    addCounters(work, counters);
    const { expected, reused, resumed, failed, skipped, accepted } = counters;
    steps.set(step, {
      status: failed === 0 ? "complete" : units === 0 ? "failed" : "partial",
      expected,
      units,
      reused,
      resumed,
      failed,
      skipped,
      accepted,
      size_bytes: size,
      started_at,
      finished_at,
    });
    totals.units += units;
    totals.failed += failed;
    totals.skipped += skipped;
    totals.accepted += accepted;
    totals.size_bytes += size;
  }
  const files = [...steps].filter(([step]) => step !== "db").map(([, summary]) => summary);
  const from = files.map((summary) => summary.started_at).toSorted()[0] ?? null;
  const to =
    files
      .map((summary) => summary.finished_at)
      .toSorted()
      .at(-1) ?? null;
  return { steps, failures, totals, moments: { database, files_from: from, files_to: to }, work };
}

const earlier = (known: string | null, at: unknown): string | null =>
  typeof at !== "string" || (known !== null && known < at) ? known : at;

/** Returns the head of the manifest. */
export function manifestHead(
  merged: MergedSteps,
  about: {
    run: string;
    site: string;
    store: string;
    kind: ManifestHead["kind"];
    scope: Scope;
    name: string | undefined;
    description: string | undefined;
    tags: readonly string[];
    startedAt: string;
    losses: readonly Loss[];
  },
): ManifestHead {
  if (merged.totals.units === 0) {
    throw new HoldfastError("E_NOTHING", "no unit could be backed up; no run is published", {
      hint: `see the reasons above, or run npx tsx scripts/logs.ts ${about.run} --dest ${about.store}`,
    });
  }
  return {
    format: "holdfast-run",
    format_version: FORMAT_VERSION,
    run: about.run,
    site: about.site,
    host: hostname(),
    kind: about.kind,
    scope: about.scope,
    name: about.name ?? null,
    description: about.description ?? null,
    tags: [...about.tags],
    holdfast: { version: VERSION },
    started_at: about.startedAt,
    finished_at: new Date().toISOString(),
    status: merged.totals.failed === 0 ? "complete" : "partial",
    moments: merged.moments,
    totals: merged.totals,
    losses: [...about.losses],
  };
}
