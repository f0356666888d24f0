/** What the parent of a run tells its sub-scripts; a file in the run's scratch directory. */
import * as z from "zod";

export const runPlanSchema = z.object({
  run: z.string(),
  staging: z.string(),
  scratch: z.string(),
  app: z.object({ commit: z.string().nullable(), version: z.string().nullable(), dirty: z.boolean().nullable() }),
});
export type RunPlan = z.infer<typeof runPlanSchema>;
