/** A user's crontab, as cron's own program shows it, or as it lies in the spool where that program is not installed. */
import { userInfo } from "node:os";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { readText } from "./files/sources.ts";

/** Debian's and Red Hat's. */
const SPOOLS = ["/var/spool/cron/crontabs", "/var/spool/cron"];

/**
 * The text, or undefined when the user has none. Throws `E_MISSING` for an unknown user and `E_UNREADABLE` for another
 * user's crontab when this user may not see it.
 */
export async function readCrontab(user: string, signal: AbortSignal): Promise<string | undefined> {
  const own = userInfo().username === user;
  const argv = own ? ["crontab", "-l"] : ["crontab", "-l", "-u", user];
  const { stdout, stderr, exitCode } = await runCommand(argv, {
    signal,
    env: { LC_ALL: "C" },
    okExitCodes: [0, 1, 2, 127],
    timeout: 60_000,
  });
  if (exitCode === 0) return `${stdout}\n`; // the last line's end was taken off
  if (exitCode === 127) return await fromSpool(user);
  const said = stderr.trim().split("\n")[0] ?? "";
  if (/no crontab for/i.test(said)) return undefined;
  if (/unknown|does not exist|no such user/i.test(said)) {
    throw new HoldfastError("E_MISSING", `crontab: there is no user ${user}`, { hint: "correct infra.crontabs" });
  }
  if (/privileged|permission|not allowed|must be/i.test(said)) {
    throw new HoldfastError("E_UNREADABLE", `the crontab of ${user} may not be read by ${userInfo().username}`, {
      hint: `run the backup as root or as ${user}, or give the path of a crontab file`,
    });
  }
  throw new HoldfastError("E_COMMAND", `crontab ended with status ${exitCode}${said === "" ? "" : `: ${said}`}`);
}

async function fromSpool(user: string): Promise<string | undefined> {
  for (const spool of SPOOLS) {
    try {
      return (await readText(`${spool}/${user}`)).text;
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === "E_MISSING")) throw error;
    }
  }
  return undefined;
}
