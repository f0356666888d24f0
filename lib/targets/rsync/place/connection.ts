/** One connection of ssh for all that a command does on a host: each further one would cost a second over a long line. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCommand } from "../../../exec/command.ts";
import { ANY_STATUS, remoteFailure } from "./failure.ts";

/** A connection that `ssh` with `ControlPath` uses; without it, it makes one of its own. */
export interface SshMaster {
  /** Its options for ssh. */
  readonly options: readonly string[];
  close(): Promise<void>;
}

const POLL_MS = 20;
/** The longest path of a socket, without what ssh appends to it while it makes one. */
const LONGEST_SOCKET = 80;

/**
 * Connects with `words`, ssh and its options without the host. The connection ends with this process, however that ends.
 * Throws `E_REMOTE`.
 */
export async function openMaster(
  words: readonly string[],
  { host, address, signal }: { readonly host: string; readonly address: string; readonly signal: AbortSignal },
): Promise<SshMaster> {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-ssh-"));
  const socket = path.join(directory, "s");
  const stop = new AbortController();
  const clean = async (): Promise<void> => {
    stop.abort();
    await rm(directory, { recursive: true, force: true });
  };
  if (socket.length > LONGEST_SOCKET) return { options: [], close: clean };
  // -N: it runs no command, which an account of rrsync would refuse.
  const argv = [...words, "-M", "-N", "-S", socket, "--", host];
  const child = startCommand(argv, {
    signal: AbortSignal.any([signal, stop.signal]),
    env: { LC_ALL: "C" },
    okExitCodes: ANY_STATUS,
    code: "E_REMOTE",
  });
  child.stdin.end();
  child.stdout.resume();
  let ended = false;
  const end = child.done.finally(() => (ended = true));
  end.catch(() => {}); // awaited below, or it was stopped
  try {
    while (!existsSync(socket)) {
      if (ended) throw remoteFailure(address, "ssh", await end);
      await sleep(POLL_MS, undefined, { signal });
    }
  } catch (error) {
    await clean();
    throw error;
  }
  return {
    options: ["-o", "ControlMaster=no", "-o", `ControlPath=${socket.replaceAll("%", "%%")}`],
    close: async () => {
      stop.abort();
      await end.catch(() => {});
      await clean();
    },
  };
}
