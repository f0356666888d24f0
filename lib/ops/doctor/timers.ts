/** Checks the timers of the site, and when systemd starts them next. */
import { findProgram } from "../../database/access/programs.ts";
import { runCommand } from "../../exec/command.ts";
import { shellQuote } from "../../report/shell.ts";
import type { Problem } from "../checks/check.ts";
import { jobs, timerOf } from "../service/units.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** The job without which nothing is backed up. */
const BACKUP = "backup";
const PROPERTIES = ["LoadState", "ActiveState", "UnitFileState", "NextElapseUSecRealtime"];

interface Timer {
  readonly job: string;
  readonly isInstalled: boolean;
  readonly isActive: boolean;
  /** As systemd prints it; empty if it will not start again. */
  readonly next: string;
  readonly state: string;
}

/** Checks the timers. Without any of them another program may start the backups, which is a warning. */
export async function checkTimers({ config: { site, file }, signal }: Installation): Promise<DoctorFinding> {
  const hint = `npx tsx scripts/install_systemd.ts --config ${shellQuote(file)}`;
  const timers = await readTimers(site, signal);
  if (timers === undefined) {
    const message = "does not run here: whether another program starts the backups cannot be checked";
    return { figure: "unknown", warnings: [{ path: "systemd", message }], hint: "see docs/operations.md#timers" };
  }
  const installed = timers.filter(({ isInstalled }) => isInstalled);
  if (installed.length === 0) {
    const message = "no timer is installed: backups start only if another program starts them";
    return { figure: "none", warnings: [{ path: site, message }], hint };
  }
  const idle = timers.filter(({ isActive, next }) => !isActive || next === "");
  const problemsOf = (isBackup: boolean): Problem[] =>
    idle
      .filter(({ job }) => (job === BACKUP) === isBackup)
      .map(({ job, state }) => ({ path: timerOf(job, site), message: `does not start: ${state}` }));
  const next = timers.find(({ job }) => job === BACKUP)?.next ?? "";
  const active = `${timers.length - idle.length} of ${timers.length} timers active`;
  return {
    figure: next === "" ? active : `${active}, next backup ${next}`,
    faults: problemsOf(true),
    warnings: problemsOf(false),
    hint,
  };
}

/** Returns undefined if systemd does not run. */
async function readTimers(site: string, signal: AbortSignal): Promise<Timer[] | undefined> {
  if (findProgram(["systemctl"]) === undefined) return undefined;
  const names = jobs();
  const properties = PROPERTIES.map((name) => `--property=${name}`);
  const argv = ["systemctl", "show", ...properties, ...names.map((job) => timerOf(job, site))];
  const { stdout, exitCode } = await runCommand(argv, { signal, env: { LC_ALL: "C" }, okExitCodes: [0, 1] });
  if (exitCode !== 0) return undefined;
  // A block for each timer, in the order of the arguments.
  const blocks = stdout.trim().split("\n\n");
  return names.map((job, index) => {
    const valueOf = (name: string): string =>
      new RegExp(`^${name}=(.*)$`, "m").exec(blocks[index] ?? "")?.[1]?.trim() ?? "";
    const isInstalled = valueOf("LoadState") === "loaded";
    const isActive = valueOf("ActiveState") === "active";
    const isEnabled = valueOf("UnitFileState") === "enabled";
    const state = isInstalled
      ? `it is ${valueOf("UnitFileState") || "not enabled"} and ${valueOf("ActiveState")}`
      : "it is not installed";
    const next = valueOf("NextElapseUSecRealtime");
    return { job, isInstalled, isActive: isActive && isEnabled, next, state };
  });
}
