/** Whether an export fits into a database as it is now, before anything of it is read. */
import { HoldfastError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { introspect } from "./introspect.ts";
import { migrationsOf } from "./migrations.ts";
import type { Package } from "./package.ts";
import { findTargets } from "./target.ts";

export type Compatibility = "COMPATIBLE" | "COMPATIBLE_WITH_WARNINGS" | "INCOMPATIBLE";

export interface CompatibilityReport {
  readonly status: Compatibility;
  readonly here: { readonly engine: string; readonly server_version: string; readonly migrations: number | null };
  /** What forbids an import. */
  readonly problems: readonly string[];
  /** What an import can be made in spite of. */
  readonly warnings: readonly string[];
}

/**
 * The migrations that were applied there and here are compared as sets: what is missing here was made since the export (a warning there would be), what
 * the export has beyond those of here needs newer code.
 */
export async function checkCompatibility(
  connection: Connection,
  { manifest, tables }: Package,
): Promise<CompatibilityReport> {
  const schema = await introspect(connection);
  const here = await migrationsOf(connection, schema);
  const problems: string[] = [];
  const warnings: string[] = [...(manifest.import_warnings ?? [])];
  compareMigrations(manifest.schema_versions, here, problems, warnings);
  try {
    warnings.push(...findTargets(schema, tables).warnings);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_SCHEMA") throw error;
    problems.push(error.message);
  }
  const status = problems.length > 0 ? "INCOMPATIBLE" : warnings.length > 0 ? "COMPATIBLE_WITH_WARNINGS" : "COMPATIBLE";
  return {
    status,
    here: {
      engine: connection.engine,
      server_version: connection.serverVersion,
      migrations: here?.applied.length ?? null,
    },
    problems,
    warnings,
  };
}

interface Applied {
  readonly tool: string;
  readonly applied: readonly string[];
}

function compareMigrations(there: Applied | null, here: Applied | null, problems: string[], warnings: string[]): void {
  if (there === null || here === null) {
    if (there !== null) warnings.push(`the export knows its ${there.tool} migrations, this database has none`);
    return;
  }
  if (there.tool !== here.tool) {
    problems.push(`the export is of ${there.tool}, this database of ${here.tool}`);
    return;
  }
  const missing = there.applied.filter((name) => !here.applied.includes(name));
  const since = here.applied.filter((name) => !there.applied.includes(name));
  const some = (names: readonly string[]): string =>
    `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
  if (missing.length > 0 && since.length > 0)
    problems.push(`migrations diverged: only the export has ${some(missing)}, only this database ${some(since)}`);
  else if (missing.length > 0)
    problems.push(`the export is newer: this database lacks the migrations ${some(missing)}`);
  else if (since.length > 0) warnings.push(`the export is older: ${some(since)} came since`);
}
