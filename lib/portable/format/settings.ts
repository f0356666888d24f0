/** The application's settings as an export records them, by dotted name and without secrets. */
import * as z from "zod";

export const SETTINGS = "settings.json";

const settingSchema = z.object({
  /** Null for a secret. */
  value: z.json(),
  /** `string`, `number`, `boolean`, `null`, `list`, `object`, or a type that the application reports. */
  type: z.string(),
  /** The file or command that the value was read from. */
  source: z.string(),
  description: z.string().nullable(),
  /** True if a secret is set; absent for other settings. */
  present: z.boolean().optional(),
});
export type Setting = z.infer<typeof settingSchema>;

export const settingsSchema = z.object({
  captured_at: z.string(),
  settings: z.record(z.string(), settingSchema),
});
export type CapturedSettings = z.infer<typeof settingsSchema>;
