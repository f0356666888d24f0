/** The application's settings as an export records them: each by its dotted name, no secret among them. */
import * as z from "zod";

export const SETTINGS = "settings.json";

const settingSchema = z.object({
  /** Null for a secret. */
  value: z.json(),
  /** `string`, `number`, `boolean`, `null`, `list`, `object`, or what the application says. */
  type: z.string(),
  /** Where it was read. */
  source: z.string(),
  description: z.string().nullable(),
  /** Of a secret alone: whether there is one. */
  present: z.boolean().optional(),
});
export type Setting = z.infer<typeof settingSchema>;

export const settingsSchema = z.object({
  captured_at: z.string(),
  settings: z.record(z.string(), settingSchema),
});
export type CapturedSettings = z.infer<typeof settingsSchema>;
