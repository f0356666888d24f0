/**
 * Files of a run that a target acknowledged: `receipts/<run>.json` there, `targets/<name>/receipts/<run>.json` in the
 * store.
 */
import path from "node:path";
import * as z from "zod";
import { TARGET_KINDS } from "../../config/settings/targets/target.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A file of a run, and where it is on the target. */
export const receivedFileSchema = z.object({
  path: z.string(),
  sha256,
  size_bytes: z.number().int().nonnegative(),
  /** Relative to the target's prefix or directory. */
  key: z.string(),
  /** Null without versions. */
  version_id: z.string().nullable(),
  /** The end of the object's lock, if it has one. */
  locked_until: z.iso.datetime().nullable(),
  /** True if the target compared a declared sha256 with the content, and returns it. */
  declared: z.boolean(),
});
export type ReceivedFile = z.infer<typeof receivedFileSchema>;

export const receiptSchema = z.object({
  format: z.literal("holdfast-receipt"),
  format_version: z.string(),
  target: z.string(),
  kind: z.enum(TARGET_KINDS),
  address: z.string(),
  run: z.string(),
  sums_sha256: sha256,
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
  /** Files and bytes that were sent; the others were there. */
  sent: z.object({ files: z.number().int(), bytes: z.number().int() }),
  files: z.array(receivedFileSchema),
});
export type Receipt = z.infer<typeof receiptSchema>;

export const receiptsDirectory = (store: string, target: string): string =>
  path.join(store, "targets", target, "receipts");
export const receiptFile = (store: string, target: string, run: string): string =>
  path.join(receiptsDirectory(store, target), `${run}.json`);
