/** Captures the settings that an export records, and compares them for `check` and `import`. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { ConfigurationReport } from "../../portable/compare/compatibility.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import type { CapturedSettings } from "../../portable/format/settings.ts";
import { compareSettings } from "../../portable/compare/settings-diff.ts";
import { captureSettings } from "../../steps/settings/capture.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { lastValue } from "../core/arguments.ts";

export interface SettingsFlags {
  readonly "ignore-config-diff": boolean;
  readonly "config-diff-report"?: string | string[] | undefined;
}

/** Returns undefined if there is no config, or it names no settings. Throws `E_CONFIG`. */
export async function settingsOf(
  config: SiteConfig | undefined,
  signal: AbortSignal,
): Promise<CapturedSettings | undefined> {
  const wanted = config?.portable?.settings;
  return config === undefined || wanted === undefined ? undefined : await captureSettings(config, wanted, signal);
}

/** Throws `E_CONFIG` if the settings here cannot be read. */
export async function configurationOf(
  from: ExportReader,
  config: SiteConfig | undefined,
  flags: SettingsFlags,
  signal: AbortSignal,
): Promise<ConfigurationReport> {
  const ignored = flags["ignore-config-diff"];
  const wanted = config?.portable?.settings;
  const none = (why: string): ConfigurationReport => ({
    not_compared: why,
    ignored,
    counts: { critical: 0, warning: 0, info: 0 },
    differences: [],
  });
  if (from.settings === undefined) return none("the export records no settings");
  if (wanted === undefined) return none("the config has no portable.settings to read the settings here");
  const here = await settingsOf(config, signal);
  if (here === undefined) return none("no settings were found here");
  return { not_compared: null, ignored, ...compareSettings(from.settings, here, wanted) };
}

/** Writes the file of `--config-diff-report` atomically. Throws `E_USAGE` if nothing was compared. */
export async function writeDifferences(
  { directory, manifest }: ExportReader,
  configuration: ConfigurationReport,
  flags: SettingsFlags,
): Promise<void> {
  const file = lastValue(flags["config-diff-report"]);
  if (file === undefined) return;
  if (configuration.not_compared !== null)
    throw new HoldfastError("E_USAGE", `--config-diff-report: ${configuration.not_compared}`);
  const { counts, differences, ignored } = configuration;
  const document = {
    compared_at: new Date().toISOString(),
    export: { path: directory, created_at: manifest.created_at, source: manifest.source },
    ignored,
    counts,
    differences,
  };
  await writeFileAtomic(path.resolve(file), `${JSON.stringify(document, null, 2)}\n`, { mode: 0o640 });
}
