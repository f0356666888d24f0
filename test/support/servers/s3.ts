/** Buckets of the S3 server of a test run, each for one test, and what other clients see in them. */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CreateBucketCommand, PutBucketPolicyCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import * as z from "zod";
import { run } from "./process.ts";
import { POOL_SOCKET } from "./pool.ts";
import type { S3Endpoint, S3Keys } from "./ceph.ts";

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

const keysSchema = z.object({ accessKeyId: z.string(), secretAccessKey: z.string() });
const answerSchema = z.union([
  z.object({ endpoint: z.string(), admin: keysSchema, writer: keysSchema }),
  z.object({ error: z.string() }),
]);

export interface S3Bucket {
  readonly name: string;
  readonly endpoint: string;
  readonly admin: S3Keys;
  /** May write, and abort and list uploads of its own; nothing else. */
  readonly writer: S3Keys;
  /** A client for what a test does to the bucket itself. */
  readonly client: S3Client;
}

/** Asks the process that runs all tests for its server, which starts when the first file asks. */
export async function s3Server(): Promise<S3Endpoint> {
  const path = process.env[POOL_SOCKET];
  if (path === undefined) throw new Error("there are servers within a test run alone");
  const socket = connect(path);
  socket.write("ceph");
  const { value } = await createInterface(socket)[Symbol.asyncIterator]().next();
  const answer = answerSchema.parse(JSON.parse(String(value)));
  if ("error" in answer) throw new Error(answer.error);
  return answer;
}

let count = 0;

/** Makes a bucket: plain, with versions, or with object lock. */
export async function makeBucket(kind: "plain" | "versioned" | "lock"): Promise<S3Bucket> {
  const { endpoint, admin, writer } = await s3Server();
  const name = `${kind}-${process.pid}-${++count}`;
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: admin });
  await client.send(
    new CreateBucketCommand({ Bucket: name, ...(kind === "lock" ? { ObjectLockEnabledForBucket: true } : {}) }),
  );
  if (kind === "versioned")
    await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: "Enabled" } }));
  await client.send(new PutBucketPolicyCommand({ Bucket: name, Policy: writePolicy(name) }));
  return { name, endpoint, admin, writer, client };
}

/** The policy of docs/off-site.md for a host that may only write. */
const writePolicy = (bucket: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: ["arn:aws:iam:::user/writer"] },
        Action: ["s3:PutObject", "s3:PutObjectRetention", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        Resource: [`arn:aws:s3:::${bucket}/*`],
      },
    ],
  });

/** Writes a credentials file as aws-cli does. */
export function credentialsFile(directory: string, { accessKeyId, secretAccessKey }: S3Keys): string {
  const file = join(directory, `credentials-${accessKeyId.slice(0, 8)}`);
  const text = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Runs s3cmd, a client of another make, as the owner of the bucket. */
export async function s3cmd(directory: string, { endpoint, admin }: S3Bucket, ...argv: string[]): Promise<string> {
  const file = join(directory, "s3cfg");
  const host = new URL(endpoint).host;
  const settings = {
    access_key: admin.accessKeyId,
    secret_key: admin.secretAccessKey,
    host_base: host,
    host_bucket: host,
    use_https: "False",
    signature_v2: "False",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(file, `[default]\n${lines.join("\n")}\n`, { mode: 0o600 });
  return await run(["s3cmd", "-c", file, "--no-progress", ...argv], { env: { PATH: process.env.PATH ?? "" } });
}
