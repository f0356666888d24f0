/** A target of the kind `rclone`. */
import * as z from "zod";
import { commonTargetFields } from "./common.ts";

const nonEmpty = z.string().min(1);

export const rcloneTargetSchema = z.strictObject({
  kind: z.literal("rclone"),
  remote: z
    .string()
    .regex(/^[A-Za-z0-9_][\w.+@ -]*:[^\p{Cc}]*$/u, "must be a remote of the config file, such as cellar:backups/clara")
    .describe("A remote of the config file, and the path in it."),
  config_file: nonEmpty.describe("The config file of rclone, which has the remote."),
  password_file: nonEmpty.optional().describe("A file with the password of an encrypted config file."),
  ...commonTargetFields,
});
export type RcloneTargetSettings = z.infer<typeof rcloneTargetSchema>;
