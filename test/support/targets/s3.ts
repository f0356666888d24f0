/** Buckets as places of targets; s3cmd looks into them. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { s3TargetSchema, type S3TargetSettings } from "../../../lib/config/settings/targets/s3.ts";
import { filesOf } from "../files.ts";
import { credentialsFile, makeBucket, s3cmd, type S3Bucket } from "../servers/s3.ts";
import type { TargetFixture } from "./fixture.ts";

const PREFIX = "a prefix/of +% it/";

/** What a config says of a target in a bucket, as one of its users. */
export const s3Input = (
  directory: string,
  bucket: S3Bucket,
  user: "admin" | "writer" = "admin",
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  kind: "s3",
  bucket: bucket.name,
  prefix: PREFIX,
  endpoint: bucket.endpoint,
  path_style: true,
  credentials_file: credentialsFile(directory, bucket[user]),
  ...more,
});

export const s3Settings = (...given: Parameters<typeof s3Input>): S3TargetSettings =>
  s3TargetSchema.parse(s3Input(...given));

export async function s3Fixture(directory: string, kind: "plain" | "versioned" | "lock"): Promise<TargetFixture> {
  const bucket = await makeBucket(kind);
  const isVersioned = kind !== "plain";
  const isLocked = kind === "lock";
  const settings = s3Settings(directory, bucket, "admin", isLocked ? { object_lock: { days: 4 } } : {});
  return {
    settings,
    hasVersions: isVersioned,
    promises: {
      signed_payload: true,
      if_none_match: isVersioned ? null : true,
      // Ceph 16 does not keep this promise with versions, and knows no checksums.
      if_none_match_versioned: isVersioned ? false : null,
      checksum_sha256: false,
      multipart_list: true,
      object_lock: isLocked,
      lock_extend: isLocked ? true : null,
      can_read: true,
      can_list: true,
      can_delete: true,
      owner: "admin",
    },
    placeOf: ({ run, path, sha256, isArtifact }) =>
      isArtifact ? `objects/${sha256.slice(0, 2)}/${sha256}` : `runs/${run}/${path}`,
    digests: async () => await digestsIn(directory, bucket),
    write: async (place, content) => {
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: PREFIX + place, Body: content }));
    },
    remove: async (place) => {
      await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: PREFIX + place }));
    },
    close: async () => bucket.client.destroy(),
  };
}

/** Fetches all objects below the prefix with s3cmd, and hashes them. */
export async function digestsIn(directory: string, bucket: S3Bucket): Promise<Map<string, string>> {
  const into = join(directory, "fetched");
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into);
  await s3cmd(directory, bucket, "sync", "--no-preserve", `s3://${bucket.name}/${PREFIX}`, `${into}/`);
  // The probe's locked object stays until its lock ends.
  const files = filesOf(into).filter((file) => !file.startsWith("probe/"));
  return new Map(
    files.map((file) => [
      file,
      createHash("sha256")
        .update(readFileSync(join(into, file)))
        .digest("hex"),
    ]),
  );
}
