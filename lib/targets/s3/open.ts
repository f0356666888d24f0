/** Opens targets of the kind `s3`. */
import type { S3TargetSettings } from "../../config/settings/targets/s3.ts";
import { HoldfastError } from "../../errors.ts";
import type { Target, TargetContext } from "../core/target.ts";

export async function openS3Target(
  name: string,
  _settings: S3TargetSettings,
  _context: TargetContext,
): Promise<Target> {
  return await Promise.reject(new HoldfastError("E_REMOTE", `${name}: the kind s3 is not there yet`));
}
