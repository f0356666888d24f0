/** The parts of a Compose file that matter for a backup. */
import * as z from "zod";

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const volumeSchema = z.union([
  z.string(),
  z.object({ type: z.string().optional(), source: z.string().optional(), target: z.string().optional() }),
]);
const serviceSchema = z.object({
  image: z.string().optional(),
  container_name: z.string().optional(),
  environment: z.union([z.record(z.string(), text.nullable()), z.array(text)]).optional(),
  volumes: z.array(volumeSchema).optional(),
});
export const composeSchema = z.object({
  name: z.string().optional(),
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.object({ name: z.string().optional() }).nullable()).nullish(),
  secrets: z.record(z.string(), z.object({ file: z.string().optional() }).nullable()).nullish(),
});

export type ComposeFile = z.infer<typeof composeSchema>;
export type Service = z.infer<typeof serviceSchema>;
