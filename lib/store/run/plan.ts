/** The plan of a run, which each step's process reads from the run's scratch directory. */
import * as z from "zod";
import { sealSchema } from "../../model/seal.ts";

export const runPlanSchema = z.object({
  /** Path of the config file. */
  config: z.string(),
  run: z.string(),
  staging: z.string(),
  scratch: z.string(),
  /** A directory for copies of content: outside of the store where artifacts are sealed. */
  copies: z.string(),
  store: z.string(),
  /** The directory of this host for what is sealed of the names in runs. */
  names: z.string().optional(),
  seal: sealSchema.optional(),
  app: z.object({ commit: z.string().nullable(), version: z.string().nullable(), dirty: z.boolean().nullable() }),
  /** The choices of the command line, as the parent has read them. */
  options: z.object({
    only: z.array(z.string()).readonly(),
    skip: z.array(z.string()).readonly(),
    textTypes: z.array(z.string()).readonly(),
    existing: z.enum(["skip", "overwrite"]),
    workers: z.number(),
    /** Read every artifact back and compare. */
    checksums: z.boolean(),
    /** Keep the finished units that an interrupted run left in the staging directory. */
    resume: z.boolean(),
    dryRun: z.boolean(),
  }),
});
export type RunPlan = z.infer<typeof runPlanSchema>;
