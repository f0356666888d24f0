/**
 * The figures of a full run that later runs are judged by: `history/<run>.json`. A cache of the run's metadata, which
 * outlives the run, so that retention does not take the history away.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { anomalySchema } from "../../../model/anomaly.ts";
import { named } from "../../../model/named.ts";
import { runStatusSchema, type ManifestHead } from "../../../model/run.ts";
import { FORMAT_VERSION, STEP_NAMES, type StepName } from "../../../model/unit.ts";
import { tryReadDocument, writeDocumentAtomic } from "../../../store/files/json-documents.ts";
import { isRunId, runDirectory } from "../../../store/files/layout.ts";
import { readManifestHead } from "../../../store/run/manifest.ts";
import { readStepMetadata } from "../../../store/run/step-index.ts";
import { mergeFacts, unitFacts, type UnitFacts } from "../facts.ts";

const unitSeriesSchema = z.object({
  bytes: z.number(),
  files: z.number().nullable(),
  /** Rows; null for an estimate. */
  tables: named(z.number().nullable()).optional(),
});
export type UnitSeries = z.infer<typeof unitSeriesSchema>;

const stepSeriesSchema = z.object({
  /** The part of the bytes that could have been reused and were rewritten; null if nothing could. */
  rewritten: z.number().nullable(),
  units: named(unitSeriesSchema),
});
export type StepSeries = z.infer<typeof stepSeriesSchema>;

const runSeriesSchema = z.object({
  format: z.literal("holdfast-series"),
  format_version: z.string(),
  run: z.string(),
  status: runStatusSchema,
  anomalies: z.array(anomalySchema),
  steps: z.partialRecord(z.enum(STEP_NAMES), stepSeriesSchema),
});
export type RunSeries = z.infer<typeof runSeriesSchema>;

const historyDirectory = (store: string): string => path.join(store, "history");
export const historyFile = (store: string, run: string): string => path.join(historyDirectory(store), `${run}.json`);

/** Returns the figures of a step from the facts of its units. */
export const stepSeries = (units: ReadonlyMap<string, UnitFacts>, rewritten: number | null): StepSeries => ({
  rewritten,
  units: Object.fromEntries(
    [...units].map(([name, { bytes, files, tables }]): [string, UnitSeries] => [
      name,
      { bytes, files, ...(tables.size === 0 ? {} : { tables: Object.fromEntries(tables) }) },
    ]),
  ),
});

/** Returns the document of a run. */
export const runSeries = (
  { run, status, anomalies }: Pick<ManifestHead, "run" | "status" | "anomalies">,
  steps: RunSeries["steps"],
): RunSeries => ({
  format: "holdfast-series",
  format_version: FORMAT_VERSION,
  run,
  status,
  anomalies: [...anomalies],
  steps,
});

export const writeSeries = async (store: string, series: RunSeries): Promise<void> =>
  await writeDocumentAtomic(historyFile(store, series.run), series);

/** Lists the runs of which figures are kept, oldest first. */
export function listSeries(store: string): string[] {
  try {
    return readdirSync(historyDirectory(store))
      .flatMap((name) => (name.endsWith(".json") ? [name.slice(0, -".json".length)] : []))
      .filter(isRunId)
      .toSorted();
  } catch {
    return []; // no run was judged yet
  }
}

/**
 * Returns the figures of a run: those kept, else those of its metadata, which are then kept as well. Undefined if the
 * run is not a full backup, or is damaged or gone.
 */
export async function readSeries(store: string, run: string): Promise<RunSeries | undefined> {
  const kept = tryReadDocument(historyFile(store, run), runSeriesSchema);
  if (kept?.run === run) return kept;
  const computed = computeSeries(runDirectory(store, run));
  if (computed !== undefined) await writeSeries(store, computed).catch(() => {}); // read again next time
  return computed;
}

function computeSeries(directory: string): RunSeries | undefined {
  try {
    const head = readManifestHead(directory);
    if (head.kind !== "backup" || head.scope !== "full") return undefined;
    const steps = STEP_NAMES.flatMap((step): [StepName, StepSeries][] => {
      const units = factsIn(directory, step);
      return units.size === 0 ? [] : [[step, stepSeries(units, null)]];
    });
    return runSeries(head, Object.fromEntries(steps));
  } catch {
    return undefined; // verify names what is wrong with it
  }
}

/** Returns the facts of a step's units in a run. Throws `E_VERIFY` for invalid metadata. */
export function factsIn(directory: string, step: StepName): Map<string, UnitFacts> {
  const facts = function* (): Generator<UnitFacts> {
    for (const metadata of readStepMetadata(directory, step)) yield unitFacts(metadata);
  };
  return mergeFacts(facts());
}
