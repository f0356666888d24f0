/** Opens the place of a tree of runs, by the settings of a target or as the command line names it. */
import {
  rsyncTargetSchema,
  type DirectoryTargetSettings,
  type RsyncTargetSettings,
} from "../../../config/settings/targets/rsync.ts";
import { HoldfastError } from "../../../errors.ts";
import { printable } from "../../../report/printable.ts";
import { localPlace } from "./local.ts";
import type { Place } from "./interface.ts";
import { sshPlace, type SshAddress } from "./ssh.ts";

/** The files of an address by ssh. */
export interface AddressFiles {
  /** The private key. */
  readonly key?: string | undefined;
  readonly knownHosts?: string | undefined;
}

/** Opens the place of a target. */
export const openPlace = (settings: RsyncTargetSettings | DirectoryTargetSettings, signal: AbortSignal): Place =>
  settings.kind === "rsync" ? sshPlace(settings, signal) : localPlace(settings.path, signal);

/** Opens `ssh://user@host:port/path` or an absolute path. Throws `E_USAGE` for any other text. */
export function openAddress(text: string, files: AddressFiles, signal: AbortSignal): Place {
  return text.startsWith("/") ? localPlace(text, signal) : sshPlace(parseSshAddress(text, files), signal);
}

/** Returns the parts of `ssh://user@host:port/path`. Throws `E_USAGE`. */
function parseSshAddress(text: string, { key, knownHosts }: AddressFiles): SshAddress {
  const [, user, ipv6, name, port, path] =
    /^ssh:\/\/(?:([^@/]+)@)?(?:\[([^\]]+)\]|([^/:@[\]]+))(?::(\d+))?(\/.*)?$/.exec(text) ?? [];
  const given = { user, port, path, key_file: key, known_hosts: knownHosts };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const result = rsyncTargetSchema.safeParse({ kind: "rsync", host: ipv6 ?? name, ...known });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HoldfastError(
    "E_USAGE",
    `${printable(text)} is no address: ${String(issue?.path[0] ?? "")} ${issue?.message ?? ""}`,
    { hint: "give ssh://user@host:port/path, an absolute path, or a target of the config" },
  );
}
