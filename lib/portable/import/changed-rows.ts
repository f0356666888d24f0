/** Finds and updates the existing rows that differ from those of the export. */
import type { ForeignKey } from "../schema/tables.ts";
import type { StagedColumn } from "./staging/column-loaders.ts";
import { MATCH_STATE_COLUMN, realRows, stagingName } from "./staging/staged-table.ts";
import type { Statements } from "./staging/statements.ts";
import type { StagingTable } from "./staging/table.ts";

/** Updates the existing rows that differ, and returns their number; `isMarked` if they are marked already. */
export async function updateRows(
  on: Statements,
  staging: StagingTable,
  later: readonly ForeignKey[],
  isMarked: boolean,
): Promise<number> {
  const columns = updatedColumns(staging, later);
  const changed = await countChanged(on, staging, later, isMarked);
  if (changed === 0) return 0;
  await on.write(staging, (only) =>
    on.dialect.update({
      table: realRows(on.connection, staging),
      alias: "t",
      set: columns.map(({ column, staged }) => [column.name, `s.${on.quote(staged)}`] as const),
      joins: [{ table: stagingName(on.connection, staging), alias: "s", on: on.match(staging) }],
      where: `s.${on.quote(MATCH_STATE_COLUMN)} = 2 and ${only}`,
    }),
  );
  return changed;
}

/** Marks and counts the existing rows that differ. */
export async function countChanged(
  on: Statements,
  staging: StagingTable,
  later: readonly ForeignKey[],
  isMarked: boolean,
): Promise<number> {
  if (isMarked)
    return await on.count(`${stagingName(on.connection, staging)} where ${on.quote(MATCH_STATE_COLUMN)} = 2`);
  const differs = updatedColumns(staging, later).map(({ column, staged }) =>
    on.dialect.differs(`t.${on.quote(column.name)}`, `s.${on.quote(staged)}`, column),
  );
  return differs.length === 0 ? 0 : await markChanged(on, staging, differs);
}

/** Marks the existing rows that differ; returns the number of newly marked ones, so that each counts once. */
export async function markChanged(on: Statements, staging: StagingTable, differs: readonly string[]): Promise<number> {
  return await on.connection.run(
    on.dialect.update({
      table: stagingName(on.connection, staging),
      alias: "s",
      set: [[MATCH_STATE_COLUMN, "2"]],
      joins: [{ table: realRows(on.connection, staging), alias: "t", on: on.match(staging) }],
      where: `s.${on.quote(MATCH_STATE_COLUMN)} = 0 and (${differs.join(" or ")})`,
    }),
  );
}

/** Returns the columns that an existing row takes from the export: not its key, id, or deferred foreign keys. */
export function updatedColumns({ target, columns }: StagingTable, later: readonly ForeignKey[]): StagedColumn[] {
  const fixed = new Set([
    ...target.key.columns,
    ...(target.table.primaryKey?.columns ?? []),
    ...later.flatMap((link) => link.columns),
  ]);
  return columns.filter(({ column, onlyNew }) => onlyNew !== true && !fixed.has(column.name));
}
