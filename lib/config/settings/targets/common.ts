/** Keys that every kind of target has. */
import * as z from "zod";
import { flag } from "../fields.ts";
import { retentionSchema } from "../retention.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** Bytes in a second, such as 500k, 10M or 1.5G. */
const bandwidth = z
  .union([z.number().int().positive(), z.string().regex(/^\d+(?:\.\d+)?[kMG]?$/, "must be such as 500k, 10M or 1.5G")])
  .transform((value) => {
    const [, amount = "0", unit = ""] = /^([\d.]+)([kMG]?)$/.exec(String(value)) ?? [];
    return Math.round(Number(amount) * (UNITS[unit.toLowerCase()] ?? 1));
  })
  .pipe(z.number().int().positive());

export const commonTargetFields = {
  retention: retentionSchema
    .optional()
    .describe("Which runs are kept there; those of the site's retention when absent."),
  bandwidth_limit: bandwidth.optional().describe("Bytes a second at most: a number, or such as 500k or 10M."),
  required: flag.default(false).describe("Whether prune keeps runs that this target does not have yet."),
};
