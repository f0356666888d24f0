/** The config section `targets`: places off-site, by name. */
import * as z from "zod";
import { rcloneTargetSchema } from "./rclone.ts";
import { directoryTargetSchema, rsyncTargetSchema } from "./rsync.ts";
import { s3TargetSchema } from "./s3.ts";

export const TARGET_KINDS = ["s3", "rclone", "rsync", "directory"] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

const targetSchema = z.discriminatedUnion("kind", [
  s3TargetSchema,
  rcloneTargetSchema,
  rsyncTargetSchema,
  directoryTargetSchema,
]);
export type TargetSettings = z.infer<typeof targetSchema>;

/** Returns the names of the targets that must have a run before prune removes it. */
export const requiredTargets = (targets: Readonly<Record<string, { readonly required: boolean }>>): string[] =>
  Object.entries(targets).flatMap(([name, { required }]) => (required ? [name] : []));

export const targetsSchema = z
  .record(z.string().regex(/^[A-Za-z0-9][\w-]{0,63}$/), targetSchema)
  .default({})
  .describe("Places off-site that push copies runs to, by name.");
