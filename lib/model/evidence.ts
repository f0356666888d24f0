/** The documents below `evidence/<run>`: what drills and verifications proved, and pins. */
import * as z from "zod";

const common = {
  format_version: z.string(),
  run: z.string(),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
  ok: z.boolean(),
  not_proved: z.array(z.string()),
  sums_sha256: z.string().nullable(),
  artifacts: z.array(z.object({ path: z.string(), sha256: z.string(), size_bytes: z.number() })).default([]),
};
const drillSchema = z.object({
  ...common,
  format: z.literal("holdfast-drill"),
  rto_ms: z.number(),
  proved_since: z.iso.datetime().nullable().optional(),
});
const verifySchema = z.object({
  ...common,
  format: z.literal("holdfast-verify"),
  quick: z.boolean(),
  deep: z.boolean(),
  sample: z.string().nullable(),
});
export const evidenceSchema = z.discriminatedUnion("format", [drillSchema, verifySchema]);
export type Evidence = z.infer<typeof evidenceSchema>;

/** `pinned.json`: the operator keeps the run. */
export const pinnedSchema = z.object({
  format: z.literal("holdfast-pin"),
  format_version: z.string(),
  run: z.string(),
  reason: z.string().nullable(),
  by: z.string(),
  at: z.string(),
});
export type Pinned = z.infer<typeof pinnedSchema>;
