/** Runs the site's own commands after a swap. A command that fails makes the restore fail and roll back. */
import { existsSync } from "node:fs";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Project } from "../../model/unit.ts";
import { fillTemplate } from "../../steps/claims/path-template.ts";
import { databases } from "../../steps/db/databases.ts";

/** Migrations of a large database may take hours. */
const MIGRATE_TIMEOUT_MS = 6 * 60 * 60_000;
const SERVICE_TIMEOUT_MS = 5 * 60_000;
const SMOKE_TIMEOUT_MS = 60_000;
/** A service may answer only some time after it was started. */
const SMOKE_TRIES = 5;
const SMOKE_PAUSE_MS = 2000;

/** Returns the working directory of the site's commands: its root, or `/` if that does not exist yet. */
export const workingDirectory = ({ root }: Pick<SiteConfig, "root">): string => (existsSync(root) ? root : "/");

/** Stops or starts the configured service; returns false if none is configured. */
export async function service(config: SiteConfig, what: "stop" | "start", signal: AbortSignal): Promise<boolean> {
  const argv = config.health?.service?.[what];
  if (argv === undefined) return false;
  await runCommand(argv, { signal, cwd: workingDirectory(config), timeout: SERVICE_TIMEOUT_MS });
  return true;
}

/** Runs the migrate command for each of these databases; returns the units that have none. */
export async function migrate(config: SiteConfig, units: readonly string[], signal: AbortSignal): Promise<string[]> {
  const without: string[] = [];
  for (const unit of units) {
    const command = databases(config).find((one) => one.unit === unit)?.settings.migrate;
    if (command === undefined) {
      without.push(unit);
      continue;
    }
    await runCommand([...config.exec_prefix, ...command], {
      signal,
      cwd: workingDirectory(config),
      timeout: MIGRATE_TIMEOUT_MS,
    });
  }
  return without;
}

/** Compiles these projects with the configured command. Throws `E_CONFIG` if there is none. */
export async function rebuildProjects(
  config: SiteConfig,
  projects: readonly Project[],
  signal: AbortSignal,
): Promise<void> {
  const command = config.projects?.compiled?.rebuild;
  if (command === undefined)
    throw new HoldfastError("E_CONFIG", "--rebuild-from-source needs projects.compiled.rebuild in the config", {
      hint: "add the site's compile command, or restore the compiled files",
    });
  for (const project of projects) {
    const argv = command.map((word) => fillTemplate(word, project));
    await runCommand([...config.exec_prefix, ...argv], { signal, cwd: workingDirectory(config) });
  }
}

/** Runs the smoke command until it succeeds, five times at most; false if none is configured. */
export async function smoke(
  config: SiteConfig,
  signal: AbortSignal,
  onOutput: (text: string) => void = () => {},
): Promise<boolean> {
  const argv = config.health?.smoke;
  if (argv === undefined) return false;
  for (let attempt = 1; ; attempt++) {
    try {
      await runCommand(argv, { signal, cwd: workingDirectory(config), timeout: SMOKE_TIMEOUT_MS, onOutput });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === SMOKE_TRIES) throw asHoldfastError(error, "E_COMMAND");
      await new Promise((resolve) => setTimeout(resolve, SMOKE_PAUSE_MS));
    }
  }
}
