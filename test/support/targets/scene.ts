/** A store of small runs, a bucket, and a config whose target `cellar` is in it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { s3TargetSchema, type S3TargetSettings } from "../../../lib/config/settings/targets/s3.ts";
import { runInProcess } from "../commands/in-process.ts";
import type { RunResult } from "../commands/run.ts";
import { makeStore } from "../runs/stores.ts";
import { makeBucket, type S3Bucket } from "../servers/s3.ts";
import { s3Input } from "./s3.ts";

export interface PushScene {
  readonly directory: string;
  readonly store: string;
  readonly config: string;
  readonly bucket: S3Bucket;
  readonly settings: S3TargetSettings;
  /** Runs `push` or another command with the config. */
  command(name: string, ...args: readonly string[]): Promise<RunResult>;
}

export async function pushScene(
  directory: string,
  kind: "plain" | "versioned" | "lock",
  {
    user = "admin",
    port,
    ...more
  }: { readonly user?: "admin" | "writer"; readonly port?: number; readonly [key: string]: unknown } = {},
): Promise<PushScene> {
  const bucket = await makeBucket(kind);
  const endpoint = port === undefined ? {} : { endpoint: `http://127.0.0.1:${port}` };
  const input = s3Input(directory, bucket, user, { ...endpoint, ...more });
  const store = makeStore(join(directory, "store"));
  const config = join(directory, "site.yaml");
  writeFileSync(config, `site: test\nroot: .\ndest: store\ntargets: ${JSON.stringify({ cellar: input })}\n`);
  const command = async (name: string, ...args: readonly string[]): Promise<RunResult> =>
    await runInProcess(name, ["--config", config, ...args]);
  return { directory, store, config, bucket, settings: s3TargetSchema.parse(input), command };
}
