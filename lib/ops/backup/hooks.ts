/** Runs the site's own commands around a run. */
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { Report } from "../../model/event.ts";

/** Runs a hook. Throws `E_COMMAND` if the command fails. */
export async function runHook(
  config: SiteConfig,
  name: "before" | "after" | "on_error",
  signal: AbortSignal,
): Promise<void> {
  const argv = config.hooks[name];
  if (argv !== undefined) await runCommand(argv, { signal, cwd: config.root });
}

/** Runs a hook after the end of a run. Returns false if it fails, which is reported and changes nothing else. */
export async function runLateHook(
  config: SiteConfig,
  name: "after" | "on_error",
  signal: AbortSignal,
  report: Report,
): Promise<boolean> {
  try {
    await runHook(config, name, signal);
    return true;
  } catch (error) {
    report({ type: "note", level: "warning", text: `hooks.${name} failed: ${asHoldfastError(error).message}` });
    return false;
  }
}
