/**
 * The way back from a reinit that is committed already. It needs no right but to read and write rows: what is to go is exported in the transaction that
 * clears it, and comes back by an import in one transaction.
 */
import type { Connection } from "../../portable/connection.ts";
import { exportTables } from "../../portable/export/run.ts";
import { importTables } from "../../portable/import/run.ts";
import { openExport } from "../../portable/read/export-reader.ts";
import { planPortable } from "../../portable/plan/run.ts";
import { clearTables } from "../../portable/reinit/clear.ts";
import type { ReinitPlan, ReinitRules } from "../../portable/reinit/plan.ts";
import { compareTables } from "../../portable/compare/tables.ts";

/** Exports the tables that the plan clears, whole, into a directory; nothing where it clears none. */
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

/** Clears what came since and brings back what went, in the connection's transaction, which is over then. */
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

/** A line for each table that is not what it was: rows that the configured rules keep may have been made in the meantime. */
export async function differences(connection: Connection, directory: string, signal: AbortSignal): Promise<string[]> {
  const compared = await compareTables(connection, await openExport(directory, { verify: false, signal }), signal);
  return compared
    .filter(({ same }) => !same)
    .map(({ table, exported, found }) => `${table} has other rows than before: ${found}, not ${exported}`);
}
