/** The config section `anomalies`. */
import * as z from "zod";
import { STEP_NAMES } from "../../model/unit.ts";
import { flag, whole } from "./fields.ts";

const OFF = z.literal("off");

const number = z.union([z.number(), z.string().regex(/^\d+(?:\.\d+)?$/)]).transform(Number);

const limits = {
  shrink: number
    .pipe(z.number().gt(0).lt(1))
    .optional()
    .describe("The part that may be lost in one run without an alarm; 0.25 when absent."),
  grow: number
    .pipe(z.number().gt(1))
    .optional()
    .describe("The factor that a series may grow by in one run without a notice; 3 when absent."),
};

const stepRule = z.union([
  OFF,
  z.strictObject({
    ...limits,
    units: flag.default(true).describe("Whether each unit is judged by itself too, not only the step as a whole."),
    rewrite: flag.default(true).describe("Whether it is an alarm that most of the step's units were rewritten."),
  }),
]);

export const anomalySettingsSchema = z
  .strictObject({
    exit: whole(0)
      .pipe(z.union([z.literal(0), z.literal(3)]))
      .default(0)
      .describe("Exit status of a backup with an alarm and without failures: 0 or 3."),
    tables: z
      .record(z.string(), z.union([OFF, z.strictObject(limits)]))
      .default({})
      .describe("Limits for a table, by the name that list --units and the metadata have, or off."),
    steps: z
      .partialRecord(z.enum(STEP_NAMES), stepRule)
      .default({})
      .describe("Limits for a step and its units, or off."),
  })
  .default({ exit: 0, tables: {}, steps: {} })
  .describe("What the anomaly guard reports of a run that differs from the site's own history.");

export type AnomalySettings = z.infer<typeof anomalySettingsSchema>;
