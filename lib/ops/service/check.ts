/** Has systemd-analyze look at units before they are installed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { jobs, serviceOf, timerOf, type UnitFile } from "./units.ts";

/** The exposure that a service may have at most, in tenths (systemd-analyze(1), security). */
const MOST_EXPOSED = 30;

/**
 * Writes the units into a temporary directory and checks them as those of the site. Throws `E_CONFIG` if
 * `systemd-analyze verify` says anything, or if a service is more exposed than 3.0.
 */
export async function checkUnits(files: readonly UnitFile[], site: string, signal: AbortSignal): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-units-"));
  try {
    writeUnits(directory, instances(files, site));
    const names = jobs().flatMap((job) => [serviceOf(job, site), timerOf(job, site)]);
    const argv = ["systemd-analyze", "verify", "--man=no", ...names.map((name) => path.join(directory, name))];
    const { stderr, exitCode } = await runCommand(argv, { signal, okExitCodes: [0, 1] });
    if (exitCode !== 0 || stderr !== "") throw refused(stderr.trim() || `systemd-analyze ended with ${exitCode}`);
    for (const job of jobs()) await checkExposure(path.join(directory, serviceOf(job, site)), signal);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Writes files below a directory. */
export function writeUnits(directory: string, files: readonly UnitFile[]): void {
  for (const { name, text } of files) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, text, { mode: 0o644 });
  }
}

/** Returns the templates under the names of the site's instances, since they are checked by file. */
const instances = (files: readonly UnitFile[], site: string): UnitFile[] =>
  files.map(({ name, text }) => ({ name: name.replace(/@\.(service|timer)$/, `@${site}.$1`), text }));

async function checkExposure(file: string, signal: AbortSignal): Promise<void> {
  const argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", `--threshold=${MOST_EXPOSED}`, file];
  const { stdout, exitCode } = await runCommand(argv, { signal, okExitCodes: [0, 1] });
  if (exitCode !== 0) throw refused(stdout.trim().split("\n").at(-1) ?? path.basename(file));
}

const refused = (said: string): HoldfastError =>
  new HoldfastError("E_CONFIG", `systemd does not take the units as they are: ${said}`, {
    hint: "correct what it names in config/systemd or in the config",
  });
