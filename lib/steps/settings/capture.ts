/** The application's settings, from where the config says they are, without their secrets. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import type { PortableSettings } from "../../config/settings/portable.ts";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { CapturedSettings } from "../../portable/format/settings.ts";
import { redactText } from "../infra/redact/text.ts";
import { withFile } from "../infra/files/sources.ts";
import { parseSettings } from "./parse.ts";
import { sanitiseSettings } from "./sanitise.ts";

/** A command may have to start the whole application. */
const COMMAND_TIMEOUT_MS = 10 * 60_000;

/**
 * Throws `E_CONFIG` for a file that cannot be read, a command that fails, or what holds no settings. Secrets are in no
 * message.
 */
export async function captureSettings(
  config: Pick<SiteConfig, "root" | "exec_prefix">,
  wanted: PortableSettings,
  signal: AbortSignal,
): Promise<CapturedSettings> {
  const { text, where } = await readSettings(config, wanted, signal);
  const format = wanted.format ?? (/\.json$/i.test(wanted.file ?? "") ? "json" : undefined);
  const raw = parseSettings(text, format, where);
  return {
    captured_at: new Date().toISOString(),
    settings: sanitiseSettings(raw, wanted.secret, where),
  };
}

async function readSettings(
  { root, exec_prefix }: Pick<SiteConfig, "root" | "exec_prefix">,
  { command, file }: PortableSettings,
  signal: AbortSignal,
): Promise<{ text: string; where: string }> {
  if (command !== undefined) {
    const { stdout } = await runCommand([...exec_prefix, ...command], {
      signal,
      cwd: root,
      timeout: COMMAND_TIMEOUT_MS,
      code: "E_CONFIG",
    });
    return { text: stdout, where: redactText(command.join(" "), { keepValues: [] }).text };
  }
  const name = file ?? "";
  try {
    return { text: withFile(path.resolve(root, name), (fd) => readFileSync(fd, "utf8")), where: name };
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("E_CONFIG", `the settings file ${name} cannot be read`, {
      hint: "check portable.settings.file and the rights of the user",
      cause: error,
    });
  }
}
