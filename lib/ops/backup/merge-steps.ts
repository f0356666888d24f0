/** Merges the results of the steps into the documents of the run. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import * as z from "zod";
import { addCounters, emptyCounters, type Counters } from "../../archive/counters.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { noCounters, stepCountersSchema } from "../../model/event.ts";
import type { Loss, Manifest, ManifestHead, Scope, StepSummary, Totals } from "../../model/run.ts";
import { FORMAT_VERSION, type Failure, type StepName } from "../../model/unit.ts";
import { stepStateFile } from "../../steps/core/run-step.ts";
import { tryReadDocument, writeDocument } from "../../store/files/json-documents.ts";
import { readFailures } from "../../store/run/manifest.ts";
import type { PreviousRuns } from "../../store/run/previous-runs.ts";
import { tidyStep } from "../../store/run/resume.ts";
import { readStepMetadata, writeIndex } from "../../store/run/step-index.ts";
import { VERSION } from "../../version.ts";

const stepStateSchema = z.object({
  started_at: z.string(),
  finished_at: z.string(),
  counters: stepCountersSchema,
  leading_out: z.array(z.string()),
});

/** The parts of a manifest that the steps determine. */
export interface MergedSteps {
  readonly steps: ReadonlyMap<StepName, StepSummary>;
  readonly failures: readonly Failure[];
  readonly totals: Totals;
  readonly moments: Manifest["moments"];
  readonly artifacts: ReadonlyMap<string, string>;
  readonly work: Counters;
  /** Links that point outside the site and are not followed, for display. */
  readonly leadingOut: readonly string[];
}

/**
 * Reads every step of the staging directory `directory`. A step that `died` (its process failed) gets the index of the
 * units that it finished, and a failure of its own beside those that it had reported (`heard`).
 */
export function mergeSteps(
  directory: string,
  scratch: string,
  run: string,
  names: readonly StepName[],
  died: ReadonlyMap<StepName, unknown>,
  heard: readonly Failure[],
  previous: PreviousRuns,
): MergedSteps {
  const steps = new Map<StepName, StepSummary>();
  const failures: Failure[] = [];
  const artifacts = new Map<string, string>();
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
  const leadingOut = new Set<string>();
  let database: string | null = null;
  for (const step of names) {
    const own = died.has(step)
      ? recordFailedStep(directory, step, died.get(step), heard, previous)
      : readFailures(directory, step);
    failures.push(...own);
    const state = tryReadDocument(stepStateFile(scratch, step), stepStateSchema);
    let units = 0;
    let size = 0;
    for (const metadata of readStepMetadata(directory, step)) {
      units++;
      size += metadata.size_bytes;
      totals.artifacts += metadata.artifacts.length;
      totals[metadata.built_in === run ? "written_bytes" : "reused_bytes"] += metadata.size_bytes;
      for (const artifact of metadata.artifacts) artifacts.set(artifact.path, artifact.sha256);
      if (step === "db") database = earlier(database, metadata["snapshot_at"]);
    }
    const counters = state?.counters ?? noCounters();
    addCounters(work, counters);
    for (const link of state?.leading_out ?? []) leadingOut.add(link);
    const failed = own.filter((failure) => failure.severity === "failed").length;
    const skipped = own.filter((failure) => failure.severity === "skipped").length;
    const accepted = own.filter((failure) => failure.severity === "accepted").length;
    const now = new Date().toISOString();
    steps.set(step, {
      status: failed === 0 ? "complete" : units === 0 ? "failed" : "partial",
      expected: counters.expected,
      units,
      reused: counters.reused,
      resumed: counters.resumed,
      failed,
      skipped,
      accepted,
      size_bytes: size,
      started_at: state?.started_at ?? now,
      finished_at: state?.finished_at ?? now,
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
  return {
    steps,
    failures,
    totals,
    moments: { database, files_from: from, files_to: to },
    artifacts,
    work,
    leadingOut: [...leadingOut],
  };
}

const earlier = (known: string | null, at: unknown): string | null =>
  typeof at !== "string" || (known !== null && known < at) ? known : at;

/** Writes the documents that a step could not write because its process failed. */
function recordFailedStep(
  directory: string,
  step: StepName,
  error: unknown,
  heard: readonly Failure[],
  previous: PreviousRuns,
): Failure[] {
  const cause = asHoldfastError(error, "E_STEP_DIED");
  const failure: Failure = {
    step,
    unit: null,
    severity: "failed",
    code: cause.code,
    message: cause.message,
    hint: cause.hint,
    last_good_run: previous.lastWithout(step, null) ?? null,
    at: new Date().toISOString(),
  };
  const failures = [...heard.filter((one) => one.step === step), failure];
  tidyStep(directory, step);
  mkdirSync(path.join(directory, step), { recursive: true });
  writeIndex(directory, step);
  writeDocument(path.join(directory, step, "failures.json"), failures);
  return failures;
}

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
