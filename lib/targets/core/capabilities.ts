/** Rights and guarantees of a target, as a probe found them: `targets/<name>.json` of the store. */
import path from "node:path";
import * as z from "zod";
import { TARGET_KINDS } from "../../config/settings/targets/target.ts";

/** Each claim was tried; null where it does not apply, or could not be tried. */
export const capabilitiesSchema = z.object({
  /** Content that is not what its signature says is refused. */
  signed_payload: z.boolean().nullable(),
  /** An object that exists is not written again on request, without and with versions. */
  if_none_match: z.boolean().nullable(),
  if_none_match_versioned: z.boolean().nullable(),
  /** A declared sha256 is checked, and returned later. */
  checksum_sha256: z.boolean().nullable(),
  /** The parts of an unfinished upload are listed. */
  multipart_list: z.boolean().nullable(),
  /** A locked object cannot be deleted, nor its lock shortened. */
  object_lock: z.boolean().nullable(),
  lock_extend: z.boolean().nullable(),
  can_read: z.boolean(),
  can_list: z.boolean(),
  can_delete: z.boolean(),
  /** The owner of what this side writes; null where unknown. */
  owner: z.string().nullable(),
});
export type Capabilities = z.infer<typeof capabilitiesSchema>;

export const targetDocumentSchema = z.object({
  format: z.literal("holdfast-target"),
  format_version: z.string(),
  target: z.string(),
  kind: z.enum(TARGET_KINDS),
  address: z.string(),
  probed_at: z.iso.datetime(),
  capabilities: capabilitiesSchema,
});
export type TargetDocument = z.infer<typeof targetDocumentSchema>;

export const targetFile = (store: string, target: string): string => path.join(store, "targets", `${target}.json`);
