/** What the anomaly guard found in a run, compared with the site's own history. */
import * as z from "zod";
import { stepNameSchema } from "./unit.ts";

export const anomalySchema = z.object({
  /** An alarm keeps the run from counting as good; a notice is only reported. */
  level: z.enum(["alarm", "notice"]),
  code: z.string(),
  step: stepNameSchema,
  /** The unit and the table of the series; null for a finding about the step or unit as a whole. */
  unit: z.string().nullable(),
  table: z.string().nullable(),
  was: z.number().nullable(),
  now: z.number().nullable(),
  /** The rule in words, with its limits. */
  rule: z.string(),
});
export type Anomaly = z.infer<typeof anomalySchema>;

/** `evidence/<run>/accepted.json`: anomalies that the operator accepted. */
export const acceptedSchema = z.object({
  format: z.literal("holdfast-accepted"),
  format_version: z.string(),
  run: z.string(),
  accepted: z.array(
    z.object({
      code: z.string(),
      step: stepNameSchema,
      unit: z.string().nullable(),
      table: z.string().nullable(),
      reason: z.string(),
      by: z.string(),
      at: z.string(),
    }),
  ),
});
export type Accepted = z.infer<typeof acceptedSchema>;
