/** The documents of a run and of a store. DESIGN of the format: docs/design.md. */
import * as z from "zod";
import { anomalySchema } from "./anomaly.ts";
import { failuresSchema, indexSchema, metadataSchema, projectSchema, stepNameSchema } from "./unit.ts";

/** The scope of a run: everything that is configured, or a selection. */
export const scopeSchema = z.union([
  z.literal("full"),
  z.object({
    steps: z.array(stepNameSchema).optional(),
    only: z.array(z.string()).optional(),
    skip: z.array(z.string()).optional(),
    text_types: z.array(z.string()).optional(),
  }),
]);
export type Scope = z.infer<typeof scopeSchema>;

export const runStatusSchema = z.enum(["complete", "partial"]);
export type RunStatus = z.infer<typeof runStatusSchema>;

export const stepSummarySchema = z.object({
  status: z.enum(["complete", "partial", "failed"]),
  expected: z.number().int().nullable(),
  units: z.number().int(),
  reused: z.number().int(),
  resumed: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  accepted: z.number().int(),
  size_bytes: z.number().int(),
  started_at: z.string(),
  finished_at: z.string(),
});
export type StepSummary = z.infer<typeof stepSummarySchema>;

export const totalsSchema = z.object({
  units: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  accepted: z.number().int(),
  artifacts: z.number().int(),
  size_bytes: z.number().int(),
  written_bytes: z.number().int(),
  reused_bytes: z.number().int(),
});
export type Totals = z.infer<typeof totalsSchema>;

export const momentsSchema = z.object({
  database: z.string().nullable(),
  files_from: z.string().nullable(),
  files_to: z.string().nullable(),
});

/** A step that failed as a whole, or has less than half of the units that the latest run had. */
export const lossSchema = z.object({
  step: stepNameSchema,
  reason: z.enum(["failed", "lost"]),
  units: z.number().int(),
  /** Units in the run that was latest; null without one. */
  before: z.number().int().nullable(),
});
export type Loss = z.infer<typeof lossSchema>;

/** Everything of a manifest but what its steps list: enough for `list` and for choosing a run. */
export const manifestHeadSchema = z.looseObject({
  format: z.literal("holdfast-run"),
  format_version: z.string(),
  run: z.string(),
  site: z.string(),
  /** The id of the store; absent in runs of older versions, which are not signed. */
  store_id: z.string().optional(),
  host: z.string(),
  kind: z.enum(["backup", "safety"]),
  scope: scopeSchema,
  name: z.string().nullable(),
  description: z.string().nullable(),
  tags: z.array(z.string()),
  holdfast: z.object({ version: z.string() }),
  started_at: z.string(),
  finished_at: z.string(),
  status: runStatusSchema,
  moments: momentsSchema,
  totals: totalsSchema,
  /** The digest of the recipients to whom the artifacts are sealed; absent in a plain run. */
  sealed_to: z.string().optional(),
  /** The archive of the documents that name files and people, where they are sealed; `size_bytes` is of their content. */
  sealed_names: z
    .object({ path: z.string(), files: z.number().int().nonnegative(), size_bytes: z.number().int().nonnegative() })
    .optional(),
  /** Why this run is not `latest`. */
  losses: z.array(lossSchema).default([]),
  /** What differs from the history of the site more than it ever did. */
  anomalies: z.array(anomalySchema).default([]),
});
export type ManifestHead = z.infer<typeof manifestHeadSchema>;

export const manifestSchema = manifestHeadSchema.extend({
  steps: z.record(z.string(), stepSummarySchema.extend({ index: indexSchema, metadata: z.array(metadataSchema) })),
  failures: failuresSchema,
  uncovered: z.array(z.string()),
  warnings: z.array(z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** The list of projects that every step of a run reads, taken once, in the dump's snapshot. */
export const projectListSchema = z.object({
  format_version: z.string(),
  /** The source of the list: `query`, `glob` or `command`. */
  from: z.string(),
  taken_at: z.string(),
  projects: z.array(projectSchema),
});
export type ProjectList = z.infer<typeof projectListSchema>;

/** `store.json`. */
export const storeSchema = z.object({
  format_version: z.string(),
  id: z.string(),
  site: z.string(),
  created_at: z.string(),
});
export type StoreDocument = z.infer<typeof storeSchema>;

/** `reuse.json`. */
export const reuseSchema = z.object({
  format_version: z.string(),
  /** By the directory of the unit. */
  unread_runs: z.record(z.string(), z.number().int().nonnegative()),
});

export type Reuse = z.infer<typeof reuseSchema>;
