/** Adds the results of the steps up, for the manifest. */
import { hostname } from "node:os";
import { addCounters, emptyCounters, type Counters } from "../../archive/counters.ts";
import { HoldfastError } from "../../errors.ts";
import type { Anomaly } from "../../model/anomaly.ts";
import type { Loss, Manifest, ManifestHead, Scope, StepSummary, Totals } from "../../model/run.ts";
import { FORMAT_VERSION, type Failure, type StepName } from "../../model/unit.ts";
import type { Store } from "../../store/open.ts";
import type { ListedStep } from "../../store/run/manifest.ts";
import type { StepOutcome } from "../../steps/core/run.ts";
import type { CollectedUnit } from "./documents/collected-unit.ts";
import { VERSION } from "../../version.ts";
import type { Seal } from "../../model/seal.ts";
import { sealDigest } from "../../store/seal/names.ts";

/** The parts of a manifest that the steps determine. */
export interface MergedSteps {
  readonly steps: ReadonlyMap<StepName, StepSummary>;
  readonly listed: readonly ListedStep[];
  readonly failures: readonly Failure[];
  readonly totals: Totals;
  readonly moments: Manifest["moments"];
  readonly work: Counters;
}

/** Adds up what became of the steps of a run and of their units. */
export function mergeSteps(
  run: string,
  outcomes: readonly StepOutcome[],
  units: ReadonlyMap<string, CollectedUnit>,
): MergedSteps {
  const work = emptyCounters();
  for (const { counters } of outcomes) addCounters(work, counters);
  const listed = outcomes.map((outcome): ListedStep => ({
    step: outcome.step,
    summary: summaryOf(outcome),
    index: outcome.index,
    units: outcome.units,
  }));
  const steps = new Map(listed.map(({ step, summary }) => [step, summary]));
  const all = [...units.values()];
  const [built, kept] = [all.filter(({ builtIn }) => builtIn === run), all.filter(({ builtIn }) => builtIn !== run)];
  const summaries = [...steps.values()];
  const files = [...steps].filter(([step]) => step !== "db").map(([, summary]) => summary);
  return {
    steps,
    listed,
    failures: outcomes.flatMap(({ failures }) => failures),
    totals: {
      units: all.length,
      failed: sum(summaries.map(({ failed }) => failed)),
      skipped: sum(summaries.map(({ skipped }) => skipped)),
      accepted: sum(summaries.map(({ accepted }) => accepted)),
      artifacts: sum(all.map(({ artifacts }) => artifacts)),
      size_bytes: sum(all.map(({ size }) => size)),
      written_bytes: sum(built.map(({ size }) => size)),
      reused_bytes: sum(kept.map(({ size }) => size)),
    },
    moments: {
      database: earliest(all.flatMap(({ snapshotAt }) => snapshotAt ?? [])),
      files_from: earliest(files.map((summary) => summary.started_at)),
      files_to:
        files
          .map((summary) => summary.finished_at)
          .toSorted()
          .at(-1) ?? null,
    },
    work,
  };
}

const summaryOf = ({ counters, units, started_at, finished_at }: StepOutcome): StepSummary => {
  const { expected, reused, resumed, failed, skipped, accepted, size_bytes } = counters;
  return {
    status: failed === 0 ? "complete" : units.length === 0 ? "failed" : "partial",
    expected,
    units: units.length,
    reused,
    resumed,
    failed,
    skipped,
    accepted,
    size_bytes,
    started_at,
    finished_at,
  };
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const earliest = (times: readonly string[]): string | null => times.toSorted()[0] ?? null;

/** Returns the head of the manifest. */
export function manifestHead(
  merged: MergedSteps,
  about: {
    run: string;
    site: string;
    store: Pick<Store, "path" | "id">;
    kind: ManifestHead["kind"];
    scope: Scope;
    name: string | undefined;
    description: string | undefined;
    tags: readonly string[];
    startedAt: string;
    seal: Seal | undefined;
    losses: readonly Loss[];
    anomalies: readonly Anomaly[];
  },
): ManifestHead {
  if (merged.totals.units === 0) {
    throw new HoldfastError("E_NOTHING", "no unit could be backed up; no run is published", {
      hint: `see the reasons above, or run npx tsx scripts/logs.ts ${about.run} --dest ${about.store.path}`,
    });
  }
  return {
    format: "holdfast-run",
    format_version: FORMAT_VERSION,
    run: about.run,
    site: about.site,
    store_id: about.store.id,
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
    ...(about.seal === undefined ? {} : { sealed_to: sealDigest(about.seal) }),
    losses: [...about.losses],
    anomalies: [...about.anomalies],
  };
}
