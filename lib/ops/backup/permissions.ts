/** The modes and the group of a published run. */
import { HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import { runCommand } from "../../exec/command.ts";
import type { RunPermissions } from "../../store/run/publish.ts";

/** Reads them from the config. Throws `E_CONFIG` for a group that this host lacks. */
export async function runPermissions(config: SiteConfig, signal: AbortSignal): Promise<RunPermissions> {
  const { group, directory_mode, file_mode } = config.permissions;
  return {
    directoryMode: directory_mode,
    fileMode: file_mode,
    gid: group === undefined ? undefined : await groupId(group, signal),
  };
}

async function groupId(group: string, signal: AbortSignal): Promise<number> {
  const { stdout, exitCode } = await runCommand(["getent", "group", group], { signal, okExitCodes: [0, 2] });
  const id = Number(stdout.split(":")[2]);
  if (exitCode === 0 && Number.isInteger(id)) return id;
  throw new HoldfastError("E_CONFIG", `this host has no group ${group}`, {
    hint: `create it (groupadd ${group}) or correct permissions.group`,
  });
}
