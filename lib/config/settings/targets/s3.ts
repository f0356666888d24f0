/** A target of the kind `s3`. */
import * as z from "zod";
import { flag, whole } from "../fields.ts";
import { commonTargetFields } from "./common.ts";

const nonEmpty = z.string().min(1);

export const s3TargetSchema = z.strictObject({
  kind: z.literal("s3"),
  bucket: nonEmpty.describe("The bucket, which exists."),
  prefix: z
    .string()
    .regex(/^(?:[^/]+\/?)*$/, "must not begin with a slash")
    .optional()
    .describe("Before all keys; the site's name when absent."),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("The server; that of AWS when absent."),
  region: nonEmpty.default("us-east-1").describe("The region that requests are signed for."),
  path_style: flag.default(false).describe("Whether the bucket is in the path instead of the host name."),
  credentials_file: nonEmpty
    .optional()
    .describe(
      "A file with aws_access_key_id and aws_secret_access_key, as of aws-cli; the environment's AWS_… when absent.",
    ),
  profile: nonEmpty.default("default").describe("The section of that file."),
  acl: z.enum(["bucket-owner-full-control"]).optional().describe("For buckets where the writer owns what it writes."),
  ca_file: nonEmpty.optional().describe("Certificates, in PEM, that the server's must be signed by."),
  proxy: z
    .url({ protocol: /^http$/ })
    .optional()
    .describe("An HTTP proxy, as http://host:port."),
  object_lock: z
    .strictObject({
      mode: z
        .enum(["compliance", "governance"])
        .default("compliance")
        .describe("Governance can be bypassed by a right."),
      days: whole(1).describe("For how long nothing may delete an object; extended while a run needs it."),
    })
    .optional()
    .describe("Locks what is written, in a bucket that was made with object lock."),
  ...commonTargetFields,
});
export type S3TargetSettings = z.infer<typeof s3TargetSchema>;
