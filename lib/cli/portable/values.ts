/** Tries the values of an export by an import that is rolled back. */
import { HoldfastError } from "../../errors.ts";
import { withValues, type CompatibilityReport } from "../../portable/compare/compatibility.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import { importTables, type ImportRequest } from "../../portable/import/run.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { findTargets } from "../../portable/import/target/resolve.ts";
import type { CommandFrame } from "../core/run-command.ts";
import { withConnection, type DatabaseFlags } from "./database.ts";
import { DEFAULT_CHOICES, importRequestOf, type ImportChoices } from "./import-request.ts";

/**
 * Returns the report with the result of importing the values; the connection must be writable, and everything is rolled
 * back. Throws `E_SCHEMA` if a table of the database cannot be rolled back.
 */
async function checkValues(
  connection: Connection,
  from: ExportReader,
  report: CompatibilityReport,
  { request, signal }: { readonly request: Omit<ImportRequest, "dryRun">; readonly signal: AbortSignal },
): Promise<CompatibilityReport> {
  const { tables } = findTargets(await connection.engine.introspect(connection), from.tables, from.refine);
  const fixed = tables.find(({ table }) => table.notes.some((note) => note.includes("not transactional")));
  if (fixed !== undefined)
    throw new HoldfastError("E_SCHEMA", `${fixed.table.id} is not transactional: its values cannot be tried`, {
      hint: "check it without --values, or leave it out with --exclude",
    });
  try {
    const { warnings } = await importTables(
      connection,
      from,
      { ...request, dryRun: true },
      { signal, onRows: () => {} },
    );
    return withValues(report, { problems: [], warnings });
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const isRejected = error.code === "E_DATABASE" && (await responds(connection));
    if (!isRejected && !["E_IMPORT", "E_SCHEMA", "E_CYCLE"].includes(error.code)) throw error;
    return withValues(report, { problems: [error.message], warnings: [] });
  }
}

/** Returns the report with the result of trying all values, unless the schema is incompatible already. */
export async function withValuesTried(
  flags: DatabaseFlags,
  frame: CommandFrame,
  { found, report }: { readonly found: ExportReader; readonly report: CompatibilityReport },
  choices: ImportChoices = DEFAULT_CHOICES,
): Promise<CompatibilityReport> {
  if (report.status === "INCOMPATIBLE") return report;
  const request = await importRequestOf(flags, found, choices);
  return await withConnection(
    flags,
    "write",
    frame,
    async (connection) => await checkValues(connection, found, report, { request, signal: frame.signal }),
  );
}

/** Checks whether the database still responds: then it rejected the import itself, and would again. */
async function responds(connection: Connection): Promise<boolean> {
  try {
    await connection.rows("select 1");
    return true;
  } catch {
    return false;
  }
}
