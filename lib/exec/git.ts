/** Starts git in a checkout whose settings and programs are data: none of them runs with the rights of the backup. */
import { lstatSync, type Stats } from "node:fs";
import path from "node:path";
import { runCommand, type CommandResult } from "./command.ts";

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The owner of a checkout that several users may write to. */
const NOBODY: Owner = { uid: 65_534, gid: 65_534 };
const TIMEOUT_MS = 10 * 60_000;
const SETTINGS = ["safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=false"];

/**
 * Returns a function that runs git in a directory and writes nothing there; exit statuses 1 and 128 are results. Under
 * root, git runs as the user who can change the checkout's settings: filters and the like are that user's programs.
 */
export function gitIn(directory: string, signal: AbortSignal): (...args: readonly string[]) => Promise<CommandResult> {
  const owner = process.getuid?.() === 0 ? ownerOf(directory) : undefined;
  const asOwner =
    owner === undefined
      ? []
      : ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", "--no-new-privs", "--"];
  // The settings of the backup's user are not part of the site, and the site's owner may not be able to read them.
  const env = {
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_PAGER: "cat",
    LC_ALL: "C",
    ...(asOwner.length === 0 ? {} : { HOME: "/nonexistent", XDG_CONFIG_HOME: "/nonexistent" }),
  };
  const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
  return async (...args) => {
    const argv = [...asOwner, "git", "-C", directory, ...settings, "--no-pager", ...args];
    return await runCommand(argv, { signal, env, okExitCodes: [0, 1, 128], timeout: TIMEOUT_MS });
  };
}

/** Returns the user beside root who can change the settings of a checkout; undefined where root alone can. */
function ownerOf(directory: string): Owner | undefined {
  const found = [directory, path.join(directory, ".git"), path.join(directory, ".git/config")].flatMap(
    (file) => statOf(file) ?? [],
  );
  const other = found.find(({ uid }) => uid !== 0);
  if (other !== undefined) return { uid: other.uid, gid: other.gid };
  return found.some(({ mode }) => (mode & 0o022) !== 0) ? NOBODY : undefined;
}

function statOf(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined; // git will say it better
  }
}
