/** A tree of runs on another host, by ssh: with a fixed set of safe options, and none of the user's own config. */
import type { RsyncTargetSettings } from "../../../config/settings/targets/rsync.ts";
import { runCommand, type CommandResult } from "../../../exec/command.ts";
import { ANY_STATUS, remoteFailure, SSH_FAILED } from "./failure.ts";
import { handsOf, type Hands, type Shell } from "./hands.ts";
import { within, type Place } from "./interface.ts";
import { openMaster, type SshMaster } from "./connection.ts";

/** The part of the settings that says where a tree is, and how to get there. */
export type SshAddress = Pick<RsyncTargetSettings, "host" | "user" | "port" | "path" | "key_file" | "known_hosts">;

/** The answer of an account's shell. */
const ANSWER = "holdfast-shell";

/** Opens a place by ssh; connects to nothing yet. */
export function sshPlace(settings: SshAddress, signal: AbortSignal): Place {
  const host = settings.host.includes(":") ? `[${settings.host}]` : settings.host;
  const address = addressOf(settings, host);
  const words = sshWords(settings);
  let master: Promise<SshMaster> | undefined;
  const ssh = async (): Promise<string[]> => {
    master ??= openMaster(words, { host: settings.host, address, signal });
    return [...words, ...(await master).options];
  };
  const shell = shellOf(ssh, settings.host, address, signal);
  const at = (path: string): string => within(settings.path, path);
  let hands: Promise<Hands | undefined> | undefined;
  return {
    address,
    directory: undefined,
    connection: async () => ["-e", (await ssh()).map(rsyncQuote).join(" ")],
    operand: (path) => `${host}:${at(path)}`,
    anchored: at,
    hands: async () => await (hands ??= shell.answers().then((yes) => (yes ? handsOf(shell, at) : undefined))),
    close: async () => await (await master?.catch(() => undefined))?.close(),
  };
}

/** Returns the shell of the account, and the question whether it has one. */
function shellOf(
  ssh: () => Promise<string[]>,
  host: string,
  address: string,
  signal: AbortSignal,
): Shell & { answers(): Promise<boolean> } {
  const argv = async (words: readonly string[]): Promise<string[]> => [
    ...(await ssh()),
    "--",
    host,
    words.map(shellQuote).join(" "),
  ];
  const answer = async (words: readonly string[]): Promise<CommandResult> => {
    const options = { signal, env: { LC_ALL: "C" }, okExitCodes: ANY_STATUS, code: "E_REMOTE" } as const;
    const result = await runCommand(await argv(words), options);
    if (result.exitCode === SSH_FAILED) throw remoteFailure(address, "ssh", result);
    return result;
  };
  return {
    argv,
    answers: async () => (await answer(["echo", ANSWER])).stdout.trim() === ANSWER,
    async run(words) {
      const result = await answer(words);
      if (result.exitCode !== 0) throw remoteFailure(address, words[0] ?? "ssh", result);
      return result.stdout;
    },
  };
}

function addressOf({ user, port, path }: SshAddress, host: string): string {
  const account = user === undefined ? "" : `${user}@`;
  return `ssh://${account}${host}${port === 22 ? "" : `:${port}`}${path}`;
}

/** Returns ssh with its options. The user's config is not read: it could change each of them. */
function sshWords({ user, port, key_file: key, known_hosts: hosts }: SshAddress): string[] {
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    ...(key === undefined ? [] : ["IdentitiesOnly=yes", `IdentityFile=${sshPath(key)}`]),
    ...(hosts === undefined ? [] : [`UserKnownHostsFile=${sshPath(hosts)}`, "GlobalKnownHostsFile=/dev/null"]),
  ];
  const login = user === undefined ? [] : ["-l", user];
  return ["ssh", "-F", "none", "-T", "-p", String(port), ...login, ...options.flatMap((option) => ["-o", option])];
}

/** Quotes a path for ssh's own config, where a percent sign begins a token. The schema refuses quotes in paths. */
const sshPath = (path: string): string => `"${path.replaceAll("%", "%%")}"`;

const isPlain = (word: string): boolean => /^[\w@%+=:,./-]+$/.test(word);

/** Quotes a word as rsync's `-e` reads it: in quotes, a quote is doubled. */
export const rsyncQuote = (word: string): string => (isPlain(word) ? word : `'${word.replaceAll("'", "''")}'`);

/** Quotes a word for the login shell of another host, whichever it is: without the escapes of bash alone. */
const shellQuote = (word: string): string => (isPlain(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
