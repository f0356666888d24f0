/** Computes the metrics of a site from the documents of its store, so that every command writes all of them. */
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { ManifestHead } from "../../model/run.ts";
import { stepSummarySchema } from "../../model/run.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { MANIFEST_FILE } from "../../store/run/manifest.ts";
import { isWithoutAlarm } from "../anomalies/accepted.ts";
import type { Evidence } from "../../model/evidence.ts";
import { fullBackups } from "../runs/full-backups.ts";
import { proofsOf, type ProofOptions } from "../runs/proof.ts";
import { proofCoverage } from "../runs/proof-coverage.ts";
import { PROOF_MAX_AGE } from "../../config/settings/retention.ts";
import { streamManifest } from "../verify/inventory/manifest-stream.ts";
import type { MetricName, Sample } from "./names.ts";

/** Returns the samples that are known; a site without runs has few. */
export async function collectMetrics(store: string, now: Date, options: ProofOptions): Promise<Sample[]> {
  const { bavail, bsize } = await statfs(store);
  return [
    ...(await runMetrics(store, now, options)),
    ...(await proofMetrics(store, now, options)),
    ...(await targetMetrics(store)),
    { name: "holdfast_store_free_bytes", value: bavail * bsize },
  ];
}

async function runMetrics(store: string, now: Date, options: ProofOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  let newest: ManifestHead | undefined;
  let success: ManifestHead | undefined;
  let good: ManifestHead | undefined;
  for (const head of fullBackups(store)) {
    newest ??= head;
    if (head.status !== "complete") continue;
    success ??= head;
    if (!isWithoutAlarm(store, head)) continue;
    good = head;
    break;
  }
  if (success !== undefined) samples.push(time("holdfast_last_success_timestamp_seconds", success.finished_at));
  if (good !== undefined) samples.push(time("holdfast_last_good_timestamp_seconds", good.finished_at));
  if (newest === undefined) return samples;
  const { totals, anomalies, run } = newest;
  const bytes = { size: totals.size_bytes, written: totals.written_bytes, reused: totals.reused_bytes };
  for (const [kind, value] of Object.entries(bytes))
    samples.push({ name: "holdfast_run_bytes", labels: { kind }, value });
  samples.push({ name: "holdfast_run_units", value: totals.units });
  const coverage = (await proofCoverage(store, PROOF_MAX_AGE, now, options))(run, totals.size_bytes);
  samples.push({ name: "holdfast_proof_coverage_ratio", value: coverage });
  for (const level of ["alarm", "notice"]) {
    const value = anomalies.filter((one) => one.level === level).length;
    samples.push({ name: "holdfast_run_anomalies", labels: { level }, value });
  }
  return [...samples, ...(await stepMetrics(runDirectory(store, run), options.signal))];
}

const stepsSchema = z.object({ steps: z.record(z.string(), stepSummarySchema) });

/** A manifest that is damaged below its head has no steps; verify reports it. */
async function stepMetrics(run: string, signal: AbortSignal): Promise<Sample[]> {
  const manifest = await streamManifest(path.join(run, MANIFEST_FILE), () => {}, signal).catch(() => undefined);
  signal.throwIfAborted();
  const steps = stepsSchema.safeParse(manifest).data?.steps ?? {};
  return Object.entries(steps).flatMap(([step, summary]): Sample[] => [
    { name: "holdfast_run_duration_seconds", labels: { step }, value: secondsBetween(summary) },
    { name: "holdfast_run_failures", labels: { step }, value: summary.failed },
  ]);
}

const secondsBetween = ({ started_at, finished_at }: { started_at: string; finished_at: string }): number =>
  Math.max(0, (Date.parse(finished_at) - Date.parse(started_at)) / 1000);

async function proofMetrics(store: string, now: Date, options: ProofOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  let [newest, drill]: (Evidence | undefined)[] = [];
  for await (const proof of proofsOf(store, now, options)) {
    newest ??= proof;
    if (proof.format !== "holdfast-drill") continue;
    drill ??= proof;
    // A drill of changes says nothing of how long a whole restore takes.
    if (proof.proved_since !== undefined) continue;
    samples.push({ name: "holdfast_rto_seconds", value: proof.rto_ms / 1000 });
    break;
  }
  if (drill !== undefined) samples.push(time("holdfast_last_drill_success_timestamp_seconds", drill.finished_at));
  if (newest === undefined) return samples;
  const age = Math.max(0, (now.getTime() - Date.parse(newest.finished_at)) / 1000);
  return [...samples, { name: "holdfast_proof_age_seconds", value: age }];
}

/** Returns the metrics of targets; loads their reader only where the store has any. */
async function targetMetrics(store: string): Promise<Sample[]> {
  if (!existsSync(path.join(store, "targets"))) return [];
  const { lastPushes } = await import("../push/last-push.ts");
  return [...lastPushes(store)].map(([target, at]) => ({
    ...time("holdfast_target_last_success_timestamp_seconds", at),
    labels: { target },
  }));
}

const time = (name: MetricName, at: string): Sample => ({ name, value: Date.parse(at) / 1000 });
