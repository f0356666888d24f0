/** Checks whether an export is compatible, for `check` and `import`. */
import type { SiteConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import {
  checkCompatibility,
  withConfiguration,
  type CompatibilityReport,
} from "../../portable/compare/compatibility.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { configurationOf, writeDifferences, type SettingsFlags } from "./settings.ts";

/** The exit status of each result. */
export const EXITS = {
  COMPATIBLE: EXIT.ok,
  COMPATIBLE_WITH_WARNINGS: EXIT.partial,
  INCOMPATIBLE: EXIT.incompatible,
} as const satisfies Record<CompatibilityReport["status"], number>;

interface CheckAround {
  readonly config: SiteConfig | undefined;
  readonly signal: AbortSignal;
  /** Set to warn of ids whose rows are not imported; an import itself finds them in the rows. */
  readonly isOther?: boolean;
}

/**
 * Returns the report on schema, migrations and settings, and writes the file of `--config-diff-report`. Throws
 * `E_CONFIG`, `E_USAGE`.
 */
export async function checkExport(
  connection: Connection,
  found: ExportReader,
  flags: SettingsFlags,
  { config, signal, isOther = false }: CheckAround,
): Promise<CompatibilityReport> {
  const configuration = await configurationOf(found, config, flags, signal);
  const report = withConfiguration(await checkCompatibility(connection, found, { isOther }), configuration);
  await writeDifferences(found, configuration, flags);
  return report;
}

/**
 * Throws `E_SETTINGS` if settings alone forbid the import, and `E_SCHEMA` for other problems, or for warnings unless
 * `acceptsWarnings`.
 */
export function assertCompatible(report: CompatibilityReport, acceptsWarnings: boolean): void {
  const { status, problems, warnings, configuration } = report;
  if (status === "INCOMPATIBLE") {
    const bySettings = configuration?.ignored === false && configuration.counts.critical > 0;
    if (bySettings && problems.length === 1) throw new HoldfastError("E_SETTINGS", problems.join("; "));
    throw new HoldfastError("E_SCHEMA", `the export is not compatible: ${problems.join("; ")}`, {
      hint: "npx tsx scripts/portable.ts check shows all problems",
    });
  }
  if (warnings.length > 0 && !acceptsWarnings)
    throw new HoldfastError("E_SCHEMA", `the export is compatible with warnings: ${warnings.join("; ")}`, {
      hint: "add --force to import despite them",
    });
}
