/** Whether an export fits: what `check` shows, and what `import` goes by. */
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import {
  checkCompatibility,
  withConfiguration,
  type CompatibilityReport,
} from "../../portable/compare/compatibility.ts";
import type { Connection } from "../../portable/connection.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { configurationOf, writeDifferences, type SettingsFlags } from "./settings.ts";

/** The report on schema, migrations and settings; the file of `--config-diff-report` is written. Throws `E_CONFIG`, `E_USAGE`. */
export async function checkExport(
  connection: Connection,
  found: ExportReader,
  flags: SettingsFlags,
  { config, signal }: { readonly config: SiteConfig | undefined; readonly signal: AbortSignal },
): Promise<CompatibilityReport> {
  const configuration = await configurationOf(found, config, flags, signal);
  const report = withConfiguration(await checkCompatibility(connection, found), configuration);
  await writeDifferences(found, configuration, flags);
  return report;
}

/** Throws `E_SETTINGS` where nothing but settings forbids the import, `E_SCHEMA` where more does, or where there are warnings that nobody has let pass. */
export function assertCompatible(report: CompatibilityReport, warningsPass: boolean): void {
  const { status, problems, warnings, configuration } = report;
  if (status === "INCOMPATIBLE") {
    const bySettings = configuration?.ignored === false && configuration.counts.critical > 0;
    if (bySettings && problems.length === 1) throw new HoldfastError("E_SETTINGS", problems.join("; "));
    throw new HoldfastError("E_SCHEMA", `the export does not fit: ${problems.join("; ")}`, {
      hint: "npx tsx scripts/portable.ts check shows all of it",
    });
  }
  if (warnings.length > 0 && !warningsPass)
    throw new HoldfastError("E_SCHEMA", `the export fits with warnings: ${warnings.join("; ")}`, {
      hint: "--force imports in spite of them",
    });
}
