/** Opens targets of the kind `s3`. The SDK is loaded here, and nowhere before. */
import { setMaxListeners } from "node:events";
import path from "node:path";
import type { Readable } from "node:stream";
import type { S3TargetSettings } from "../../config/settings/targets/s3.ts";
import { stateDirectory } from "../core/state.ts";
import type { Target, TargetContext } from "../core/target.ts";
import { metered, TokenBucket } from "../core/throttle.ts";
import { ObjectTarget } from "../objects/target.ts";
import { readCredentials } from "./credentials.ts";
import { S3ObjectStore } from "./store.ts";
import { UploadStates } from "./upload-state.ts";

/** Opens a bucket; no request is made yet. Throws `E_CONFIG`. */
export async function openS3Target(name: string, settings: S3TargetSettings, context: TargetContext): Promise<Target> {
  const { store, site, root, onBytes, capabilities } = context;
  // Each request listens to it.
  const signal = AbortSignal.any([context.signal]);
  setMaxListeners(0, signal);
  const credentials = readCredentials(settings, root, process.env);
  // It warns of the end of Node 20 on standard error, each time.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const { openS3Api } = await import("./sdk.ts");
  const caFile = settings.ca_file === undefined ? undefined : path.resolve(root, settings.ca_file);
  const prefix = `${(settings.prefix ?? site).replace(/\/+$/, "")}/`.replace(/^\/$/, "");
  const limit = settings.bandwidth_limit;
  const bucket = limit === undefined ? undefined : new TokenBucket(limit);
  const objects = new S3ObjectStore({
    api: openS3Api(settings, credentials, caFile, signal),
    settings,
    prefix,
    address: addressOf(settings, prefix),
    states: new UploadStates(stateDirectory(store, name)),
    signal,
    meter: (input: Readable) => metered(input, { signal, bucket, onBytes }),
    capabilities,
  });
  return new ObjectTarget(name, "s3", objects, context);
}

function addressOf({ endpoint, bucket }: S3TargetSettings, prefix: string): string {
  const host = endpoint === undefined ? "" : `${new URL(endpoint).host}/`;
  return `s3://${host}${bucket}/${prefix}`;
}
