/**
 * Rolls back a committed reinit. Cleared rows are exported in the clearing transaction and imported again in one
 * transaction, so no privilege beyond reading and writing rows is needed.
 */
import type { Connection } from "../../portable/engine/connection.ts";
import { exportTables } from "../../portable/export/run.ts";
import { importTables } from "../../portable/import/run.ts";
import { openExport } from "../../portable/read/export-reader.ts";
import { planPortable } from "../../portable/plan/run.ts";
import { clearTables } from "../../portable/reinit/clear.ts";
import type { ReinitPlan, ReinitRules } from "../../portable/reinit/plan.ts";
import { compareTables } from "../../portable/compare/tables.ts";

/** Exports the tables that the plan clears, completely, into a directory; does nothing if it clears none. */
export async function exportClearedRows(
  connection: Connection,
  { schema, tables }: ReinitPlan,
  { keys }: ReinitRules,
  directory: string,
): Promise<void> {
  const models = tables.filter(({ clears }) => clears > 0).map(({ table }) => table.id);
  if (models.length === 0) return;
  const plan = planPortable(schema, { keys, groups: {}, models, components: [], exclude: [] });
  await exportTables(connection, plan, { output: directory, sourceName: null, sourceUrl: null }, () => {});
}

/** Deletes newer rows and imports the cleared ones, in the connection's transaction, and ends it. */
export async function reimportClearedRows(
  connection: Connection,
  rules: ReinitRules,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const from = await openExport(directory, { verify: true, signal });
  await clearTables(connection, rules, { signal });
  await importTables(
    connection,
    from,
    { mode: "create-or-update", skipConflicts: false, dryRun: false, clearExisting: false },
    { signal, onRows: () => {} },
  );
}

/**
 * Returns a line for each table that differs from before: rows that the configured rules keep may have been added
 * since.
 */
export async function differences(connection: Connection, directory: string, signal: AbortSignal): Promise<string[]> {
  const compared = await compareTables(connection, await openExport(directory, { verify: false, signal }), signal);
  return compared
    .filter(({ same }) => !same)
    .map(({ table, exported, found }) => `${table} has other rows than before: ${found} instead of ${exported}`);
}
