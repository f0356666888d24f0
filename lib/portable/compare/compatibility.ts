/** Whether an export fits into a database as it is now, before anything of it is read. */
import { HoldfastError } from "../../errors.ts";
import { compareMigrations, compareVersions, type Applied } from "../format/versions.ts";
import type { Connection } from "../connection.ts";
import { introspect } from "../engines/introspect.ts";
import { migrationsOf } from "../plan/applied-migrations.ts";
import type { ExportReader } from "../read/export-reader.ts";
import type { SettingsComparison } from "./settings-diff.ts";
import { findTargets } from "../import/target/resolve.ts";

export type Compatibility = "COMPATIBLE" | "COMPATIBLE_WITH_WARNINGS" | "INCOMPATIBLE";

export interface CompatibilityReport {
  readonly status: Compatibility;
  readonly here: {
    readonly engine: string;
    readonly server_version: string;
    /** How many. */
    readonly migrations: number | null;
    readonly schema_versions: Applied | null;
  };
  /** What forbids an import. */
  readonly problems: readonly string[];
  /** What an import can be made in spite of. */
  readonly warnings: readonly string[];
  /** True where the rows were tried too, not the schema alone. */
  readonly values?: boolean;
  /** How the settings compare, where somebody looked. */
  readonly configuration?: ConfigurationReport;
}

export interface ConfigurationReport extends SettingsComparison {
  /** Why nothing was compared; null where it was. */
  readonly not_compared: string | null;
  /** Differences forbid nothing. */
  readonly ignored: boolean;
}

/**
 * The migrations that were applied there and here are compared as sets: what is missing here was made since the export (a warning there would be), what
 * the export has beyond those of here needs newer code.
 */
export async function checkCompatibility(
  connection: Connection,
  { manifest, tables, refine }: ExportReader,
): Promise<CompatibilityReport> {
  const schema = await introspect(connection);
  const here = await migrationsOf(connection, schema);
  const findings = [compareVersions(manifest.export_version), compareMigrations(manifest.schema_versions, here)];
  const problems = findings.flatMap((one) => one.problems);
  const warnings = [...(manifest.import_warnings ?? []), ...findings.flatMap((one) => one.warnings)];
  try {
    warnings.push(...findTargets(schema, tables, refine).warnings);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_SCHEMA") throw error;
    problems.push(error.message);
  }
  return {
    status: statusOf(problems, warnings),
    here: {
      engine: connection.engine,
      server_version: connection.serverVersion,
      migrations: here?.applied.length ?? null,
      schema_versions: here,
    },
    problems,
    warnings,
  };
}

const statusOf = (problems: readonly string[], warnings: readonly string[]): Compatibility =>
  problems.length > 0 ? "INCOMPATIBLE" : warnings.length > 0 ? "COMPATIBLE_WITH_WARNINGS" : "COMPATIBLE";

/** Adds to a report what an import that was rolled back said of the rows. */
export function withValues(
  report: CompatibilityReport,
  found: { readonly problems: readonly string[]; readonly warnings: readonly string[] },
): CompatibilityReport {
  const problems = [...report.problems, ...found.problems];
  const warnings = [...new Set([...report.warnings, ...found.warnings])];
  return { ...report, status: statusOf(problems, warnings), problems, warnings, values: true };
}

/** The report with what differs in the settings: what is critical forbids an import, what is a warning warns, unless differences are ignored. */
export function withConfiguration(
  report: CompatibilityReport,
  configuration: ConfigurationReport,
): CompatibilityReport {
  const said = (severity: "critical" | "warning"): string[] => {
    const names = configuration.differences.filter((one) => one.severity === severity).map(({ name }) => name);
    if (names.length === 0 || configuration.ignored) return [];
    const shown = `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`;
    return [severity === "critical" ? `settings that matter differ: ${shown}` : `settings differ: ${shown}`];
  };
  const problems = [...report.problems, ...said("critical")];
  const warnings = [...report.warnings, ...said("warning")];
  return { ...report, status: statusOf(problems, warnings), problems, warnings, configuration };
}
