/** Opens targets by their kind. The code of a kind is loaded when one is opened: some need large packages. */
import type { TargetSettings } from "../config/settings/targets/target.ts";
import type { Target, TargetContext } from "./core/target.ts";

/** Opens a target of the config; nothing is sent before it is used. Throws `E_CONFIG`. */
export async function openTarget(name: string, settings: TargetSettings, context: TargetContext): Promise<Target> {
  switch (settings.kind) {
    case "s3":
      return await (await import("./s3/open.ts")).openS3Target(name, settings, context);
    case "rclone":
      return await (await import("./rclone/open.ts")).openRcloneTarget(name, settings, context);
    case "rsync":
    case "directory":
      return (await import("./rsync/open.ts")).openTreeTarget(name, settings, context);
  }
}
