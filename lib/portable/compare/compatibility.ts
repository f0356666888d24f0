/** Checks whether an export is compatible with a database, before its rows are read. */
import { HoldfastError } from "../../errors.ts";
import { compareMigrations, compareVersions, type Applied } from "../format/versions.ts";
import type { Connection } from "../engine/connection.ts";
import { migrationsOf } from "../plan/applied-migrations.ts";
import type { TableId } from "../schema/tables.ts";
import type { ExportReader } from "../read/export-reader.ts";
import type { SettingsComparison } from "./settings-diff.ts";
import { referencesToMissingRows, missingRowsText } from "../import/resolve/left-references.ts";
import { findTargets } from "../import/target/resolve.ts";

export type Compatibility = "COMPATIBLE" | "COMPATIBLE_WITH_WARNINGS" | "INCOMPATIBLE";

export interface CompatibilityReport {
  readonly status: Compatibility;
  readonly here: {
    readonly engine: string;
    readonly server_version: string;
    /** The number of applied migrations. */
    readonly migrations: number | null;
    readonly schema_versions: Applied | null;
  };
  /** Problems that forbid an import. */
  readonly problems: readonly string[];
  /** Warnings that do not forbid an import. */
  readonly warnings: readonly string[];
  /** True if the rows were tried too, not the schema alone. */
  readonly values?: boolean;
  /** The comparison of the settings, if one was made. */
  readonly configuration?: ConfigurationReport;
}

export interface ConfigurationReport extends SettingsComparison {
  /** The reason why nothing was compared; null if something was. */
  readonly not_compared: string | null;
  /** True if differences do not affect the status. */
  readonly ignored: boolean;
}

interface CheckOptions {
  /** Set if the database may belong to another installation, where an id without its row is worth a warning. */
  readonly isOther?: boolean;
}

/**
 * Checks versions, migrations and schema. The applied migrations are compared as sets: one missing in the export was
 * added since (a warning), one missing here needs newer code.
 */
export async function checkCompatibility(
  connection: Connection,
  { manifest, tables, refine }: ExportReader,
  { isOther = false }: CheckOptions = {},
): Promise<CompatibilityReport> {
  const schema = await connection.engine.introspect(connection);
  const here = await migrationsOf(connection, schema);
  const findings = [compareVersions(manifest.export_version), compareMigrations(manifest.schema_versions, here)];
  const problems = findings.flatMap((one) => one.problems);
  const warnings = [...(manifest.import_warnings ?? []), ...findings.flatMap((one) => one.warnings)];
  try {
    const targets = findTargets(schema, tables, refine);
    warnings.push(...targets.warnings);
    const hasRows = (table: TableId): boolean => (manifest.data_counts[table] ?? 0) > 0;
    if (isOther) warnings.push(...referencesToMissingRows(targets, hasRows).map(missingRowsText));
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_SCHEMA") throw error;
    problems.push(error.message);
  }
  return {
    status: statusOf(problems, warnings),
    here: {
      engine: connection.engine.name,
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

/** Adds the problems and warnings of an import that was rolled back. */
export function withValues(
  report: CompatibilityReport,
  found: { readonly problems: readonly string[]; readonly warnings: readonly string[] },
): CompatibilityReport {
  const problems = [...report.problems, ...found.problems];
  const warnings = [...new Set([...report.warnings, ...found.warnings])];
  return { ...report, status: statusOf(problems, warnings), problems, warnings, values: true };
}

/**
 * Adds the differences in settings. Unless ignored, critical ones are problems, and those of severity warning are
 * warnings.
 */
export function withConfiguration(
  report: CompatibilityReport,
  configuration: ConfigurationReport,
): CompatibilityReport {
  const summarize = (severity: "critical" | "warning"): string[] => {
    const names = configuration.differences.filter((one) => one.severity === severity).map(({ name }) => name);
    if (names.length === 0 || configuration.ignored) return [];
    const shown = `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`;
    return [severity === "critical" ? `critical settings differ: ${shown}` : `settings differ: ${shown}`];
  };
  const problems = [...report.problems, ...summarize("critical")];
  const warnings = [...report.warnings, ...summarize("warning")];
  return { ...report, status: statusOf(problems, warnings), problems, warnings, configuration };
}
