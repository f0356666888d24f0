/** Says what rsync and ssh failed at: they have an exit status for little of it, so that their messages decide. */
import { HoldfastError } from "../../../errors.ts";
import type { CommandResult } from "../../../exec/command.ts";
import { printable } from "../../../report/printable.ts";

/** The exit status of ssh when it could not connect. */
export const SSH_FAILED = 255;
/** All exit statuses but those of programs that are not installed or were killed. */
export const ANY_STATUS: readonly number[] = [...Array.from({ length: 126 }, (_, status) => status), SSH_FAILED];

/** Of an account of rrsync that may only write. */
const WRITE_ONLY = /rrsync error: reading from write-only server/;
const BUSY = /Another instance of rrsync is already accessing/;

export const isWriteOnly = ({ stderr }: Pick<CommandResult, "stderr">): boolean => WRITE_ONLY.test(stderr);
/** Checks whether another client of the same account is at work, or one that has just lost its connection. */
export const isBusy = ({ stderr }: Pick<CommandResult, "stderr">): boolean => BUSY.test(stderr);

interface Cause {
  readonly sign: RegExp;
  readonly what: (match: RegExpExecArray) => string;
  readonly hint?: string;
}

const CAUSES: readonly Cause[] = [
  {
    sign: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    what: () => "the server has another host key than known_hosts: it may be another server",
    hint: "ask the server's administrator; replace the key in known_hosts only if it was changed on purpose",
  },
  {
    sign: /No \S+ host key is known|Host key verification failed/,
    what: () => "the server's host key is not in known_hosts",
    hint: "add it with ssh-keyscan, after comparing its fingerprint with the server's: docs/off-site.md",
  },
  {
    sign: /Permission denied \([a-z,-]+\)/,
    what: () => "the server refuses the key",
    hint: "check user and key_file, and the line of authorized_keys there: docs/off-site.md",
  },
  {
    sign: /(?:Identity file|Load key) .*?(?:not accessible|No such file|bad permissions|Permission denied|error in libcrypto)/i,
    what: ([found]) => `the key cannot be used: ${found}`,
    hint: "check key_file: it belongs to the backup user, mode 0600, without a passphrase",
  },
  {
    sign: /ssh: (?:connect to|Could not resolve) .*|Connection timed out|kex_exchange_identification.*/,
    what: ([found]) => `cannot be reached: ${found}`,
  },
  {
    sign: BUSY,
    what: () => "another rsync works in the directory of this account",
    hint: "wait until it has ended; a connection that was lost ends there within minutes",
  },
  {
    sign: /No space left on device|[Dd]isk quota exceeded/,
    what: () => "its disk is full",
    hint: "free space there, or remove runs there; push again sends only what is missing",
  },
  {
    sign: /(?:unable to chdir to restricted dir|FileNotFoundError)[^\n]*/,
    what: ([found]) => `the directory of the account is not there: ${found}`,
    hint: "make it, or mount its disk; the line of authorized_keys there names it",
  },
  {
    sign: /rrsync error: (?:to|from|sending|reading).*/,
    what: ([found]) => `the account may not do this: ${found}`,
    hint: "check the line of authorized_keys there: docs/off-site.md",
  },
  {
    sign: /(?:rrsync|rsync): (?:command )?not found/,
    what: ([found]) => `rsync cannot be started there: ${found}`,
    hint: "install rsync there: apt-get install rsync",
  },
  {
    sign: /protocol version mismatch|is your shell clean/,
    what: () => "the account answers with something else than rsync",
    hint: "use an account with rrsync or a shell, whose profile prints nothing: docs/off-site.md",
  },
  {
    sign: /[^\n]*: No such file or directory[^\n]*|race detected[^\n]*No such file[^\n]*/,
    what: ([found]) => `a directory or file is not there: ${found}`,
    hint: "check path, and that the disk is mounted there",
  },
  {
    sign: /[^\n]*(?:Permission denied|Operation not permitted|Read-only file system)[^\n]*/,
    what: ([found]) => `no right to do this: ${found}`,
    hint: "give the directory there to the account",
  },
  {
    sign: /connection unexpectedly closed|Broken pipe|Connection (?:reset|closed)|timeout, server|client_loop/i,
    what: () => "the connection was lost",
    hint: "push again: what has arrived is not sent again",
  },
];

/** Returns the error of a transfer to this host for which its own disk is to blame; undefined for any other. */
export function localFailure({ stderr }: Pick<CommandResult, "stderr">): HoldfastError | undefined {
  const [found] = /rsync: \[(?:receiver|generator)\][^\n]*(?:No space left|quota exceeded)[^\n]*/.exec(stderr) ?? [];
  return found === undefined ? undefined : new HoldfastError("E_NO_SPACE", printable(found));
}

/** Returns the error of a program that ended with an exit status. */
export function remoteFailure(
  address: string,
  program: string,
  { stderr, exitCode }: Pick<CommandResult, "stderr" | "exitCode">,
): HoldfastError {
  for (const { sign, what, hint } of CAUSES) {
    const match = sign.exec(stderr);
    if (match !== null)
      return new HoldfastError(
        "E_REMOTE",
        `${address}: ${printable(what(match).trim())}`,
        hint === undefined ? {} : { hint },
      );
  }
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return new HoldfastError("E_REMOTE", `${address}: ${program} ended with status ${exitCode}: ${printable(last)}`);
}
