/** Installs, and removes, the systemd units of a site. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { HoldfastError, systemCode } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { checkUnits, writeUnits } from "./check.ts";
import { DROP_IN, dropIns, dropInOf, jobs, templates, timerOf, type ServedSite, type UnitFile } from "./units.ts";

const UNITS = "/etc/systemd/system";
/** Exists while systemd runs (sd_booted(3)). */
const RUNNING = "/run/systemd/system";
const USER = "holdfast";

export interface ServiceRequest {
  /** The root directory of another system, such as an image; units are enabled there and not started. */
  readonly root: string | undefined;
  readonly dryRun: boolean;
}

export interface ServiceOutcome {
  /** Absolute paths of the files that were written or removed. */
  readonly files: readonly UnitFile[];
  readonly timers: readonly string[];
}

/**
 * Writes the templates and the drop-ins of the site, and enables and starts its timers. Throws `E_CONFIG` for units
 * that systemd does not take, or without the user that they run as; `E_TARGET` where they cannot be written.
 */
export async function installUnits(
  served: ServedSite,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<ServiceOutcome> {
  const files = [...templates(), ...dropIns(served)];
  const outcome = outcomeOf(served.site, files, request);
  await checkUnits(files, served.site, signal);
  if (request.dryRun) return outcome;
  assertStarts(request);
  if (request.root === undefined) await assertUser(signal);
  await attempt(() => writeUnits(directoryOf(request), files));
  await systemctl(request, ["daemon-reload"], signal);
  await systemctl(request, ["enable", "--now", ...outcome.timers], signal);
  return outcome;
}

/** Stops and disables the timers of the site, and removes its drop-ins; the templates too, with the last site. */
export async function uninstallUnits(
  site: string,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<ServiceOutcome> {
  const directory = directoryOf(request);
  const own = jobs()
    .map((job) => dropInOf(job, site))
    .filter((name) => existsSync(path.join(directory, name)));
  const shared = sitesIn(directory).every((other) => other === site) ? templates().map(({ name }) => name) : [];
  const names = [...own, ...shared].filter((name) => existsSync(path.join(directory, name)));
  const outcome = outcomeOf(
    site,
    names.map((name) => ({ name, text: "" })),
    request,
  );
  if (request.dryRun || names.length === 0) return outcome;
  assertStarts(request);
  await systemctl(request, ["disable", "--now", ...outcome.timers], signal);
  await attempt(() => {
    for (const name of names) rmSync(path.join(directory, name), { force: true });
    for (const name of own) removeEmpty(path.join(directory, path.dirname(name)));
  });
  await systemctl(request, ["daemon-reload"], signal);
  return outcome;
}

const directoryOf = ({ root }: ServiceRequest): string => path.join(root ?? "/", UNITS);

const outcomeOf = (site: string, files: readonly UnitFile[], request: ServiceRequest): ServiceOutcome => ({
  files: files.map(({ name, text }) => ({ name: path.join(directoryOf(request), name), text })),
  timers: jobs().map((job) => timerOf(job, site)),
});

/** Returns the sites that have drop-ins of ours. */
function sitesIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => {
    const [, site] = /^holdfast-\w+@(.+)\.service\.d$/.exec(name) ?? [];
    return site !== undefined && existsSync(path.join(directory, name, DROP_IN)) ? [site] : [];
  });
}

function assertStarts({ root }: ServiceRequest): void {
  if (root !== undefined || existsSync(RUNNING)) return;
  throw new HoldfastError("E_CONFIG", "systemd does not run on this host", {
    hint: "use --root DIRECTORY for another system, or the lines for cron in docs/operations.md",
  });
}

async function assertUser(signal: AbortSignal): Promise<void> {
  const { exitCode } = await runCommand(["getent", "passwd", USER], { signal, okExitCodes: [0, 2] });
  if (exitCode === 0) return;
  throw new HoldfastError("E_CONFIG", `the user ${USER}, as which the services run, does not exist`, {
    hint: `useradd --system --home-dir /var/lib/holdfast --shell /usr/sbin/nologin ${USER}`,
  });
}

/** Runs systemctl; in another root it enables and disables units without starting or stopping them. */
async function systemctl({ root }: ServiceRequest, argv: readonly string[], signal: AbortSignal): Promise<void> {
  const [verb = "", ...rest] = argv;
  if (root === undefined) await runCommand(["systemctl", verb, ...rest], { signal });
  else if (verb !== "daemon-reload")
    await runCommand(["systemctl", `--root=${path.resolve(root)}`, verb, ...rest.filter((one) => one !== "--now")], {
      signal,
    });
}

async function attempt(work: () => void): Promise<void> {
  try {
    work();
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes(systemCode(error) ?? "")) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("E_TARGET", message, { hint: "run it as root", cause: error });
  }
}

function removeEmpty(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
}
