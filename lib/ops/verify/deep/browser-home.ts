/**
 * The only directory that a browser reads and writes. It belongs to the browser's account, and is removed after the
 * browser has ended.
 */
import { tmpdir } from "node:os";
import path from "node:path";
import { privateDirectory } from "../../../database/access/private-directory.ts";
import { HoldfastError } from "../../../errors.ts";
import { runCommand } from "../../../exec/command.ts";
import { unprivileged, type Account } from "../../../exec/nobody.ts";

export interface BrowserHome {
  readonly directory: string;
  readonly account: Account;
  /** Changes the owner of everything in the directory to the account. */
  hand(): Promise<void>;
  /** Removes the directory. Call it after the browser has ended. */
  remove(): Promise<void>;
}

/**
 * Longest usable path: Chromium's socket is in its temporary directory, and unix(7) limits the socket's path to 107
 * bytes.
 */
const LONGEST = 27;

/**
 * Creates the directory below this process's temporary directory, or below /tmp if the account cannot reach that.
 * Throws `E_COMMAND` if it can reach neither.
 */
export async function browserHome(signal: AbortSignal): Promise<BrowserHome> {
  const account = unprivileged();
  for (const parent of new Set([tmpdir(), "/tmp"].filter((one) => one.length <= LONGEST))) {
    const home = makeHome(parent, account, signal);
    if (await reaches(home, signal)) return home;
    await home.remove();
  }
  throw new HoldfastError(
    "E_COMMAND",
    `the account of the browser can write neither below ${tmpdir()} nor below /tmp`,
    {
      hint: "set TMPDIR to a directory that every user can write to",
    },
  );
}

function makeHome(parent: string, account: Account, signal: AbortSignal): BrowserHome {
  const home = privateDirectory(undefined, parent);
  const directory = path.resolve(home.path);
  const { as, owner } = account;
  return {
    directory,
    account,
    hand: async () => {
      await runCommand(["chmod", "-R", "u+rwX,go=", "--", directory], { signal });
      if (owner !== null) await runCommand(["chown", "-R", "-h", owner, "--", directory], { signal });
    },
    remove: async () => {
      // Runs with the rights of the account, because files that it left may be a trap for root.
      const own = new AbortController();
      const empty = [...as, "find", directory, "-mindepth", "1", "-delete"];
      await runCommand(empty, { signal: own.signal }).catch(() => {}); // what could not be removed fails below
      home.remove();
    },
  };
}

async function reaches({ account, directory, hand }: BrowserHome, signal: AbortSignal): Promise<boolean> {
  await hand();
  const { exitCode } = await runCommand([...account.as, "test", "-w", directory], { signal, okExitCodes: [0, 1] });
  return exitCode === 0;
}
