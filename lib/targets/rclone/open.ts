/** Opens targets of the kind `rclone`. */
import path from "node:path";
import { readSecret } from "../../config/secrets.ts";
import type { RcloneTargetSettings } from "../../config/settings/targets/rclone.ts";
import type { Target, TargetContext } from "../core/target.ts";
import { ObjectTarget } from "../objects/target.ts";
import { RcloneDaemon } from "./daemon.ts";
import { RcloneObjectStore } from "./store.ts";

/** Opens a remote; it is asked nothing yet. Throws `E_CONFIG` if the password cannot be read. */
export async function openRcloneTarget(
  name: string,
  settings: RcloneTargetSettings,
  context: TargetContext,
): Promise<Target> {
  const { signal, root, capabilities, onBytes } = context;
  const source = { key: `targets.${name}.password`, file: settings.password_file };
  const rclone = new RcloneDaemon({
    remote: settings.remote,
    configFile: path.resolve(root, settings.config_file),
    password: await readSecret({ root }, source, signal),
    bandwidth: settings.bandwidth_limit,
    signal,
  });
  return new ObjectTarget(name, "rclone", new RcloneObjectStore({ rclone, capabilities, signal, onBytes }), context);
}
