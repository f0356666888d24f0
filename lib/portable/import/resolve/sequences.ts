/** Handles generated ids: reports renumbered rows, and raises sequences. */
import { realRows, stagingName, keyText } from "../staging/staged-table.ts";
import type { StagingTable } from "../staging/table.ts";
import { PATH_COLUMN } from "../staging/tree-columns.ts";
import { SAMPLES, type TableResult } from "./table-result.ts";
import type { Statements } from "../staging/statements.ts";

/** Records the rows that have another id here than in the export. */
export async function listRemapped(on: Statements, staging: StagingTable, result: TableResult): Promise<void> {
  const { table, key } = staging.target;
  const [number] = table.primaryKey?.columns ?? [];
  if (number === undefined || key.kind !== "natural" || key.columns.includes(number) || !staging.has(number)) return;
  const other =
    `${stagingName(on.connection, staging)} as s join ${realRows(on.connection, staging)} as t on ` +
    `${on.match(staging)} where s.${on.quote(staging.of(number))} <> t.${on.quote(number)}`;
  result.remapped.count = await on.count(other);
  if (result.remapped.count === 0) return;
  const { tree } = staging;
  const names = tree === undefined ? key.columns.map((name) => staging.of(name)) : [PATH_COLUMN];
  const keys = names.map((name) => `s.${on.quote(name)}`).join(", ");
  for (const row of await on.connection.rows(
    `select s.${on.quote(staging.of(number))}, t.${on.quote(number)}, ${keys} from ${other} limit ${SAMPLES}`,
  ))
    result.remapped.samples.push({
      was: String(row[0]),
      is: String(row[1]),
      key: keyText(tree === undefined ? row.slice(2) : [await tree.textOf(row[2] ?? null)]),
    });
}

/** Raises the sequences of a staged table above its highest id. This is rolled back with the transaction. */
export const raiseSequences = async ({ connection }: Statements, { target }: StagingTable): Promise<void> =>
  await connection.engine.sequences.raise(connection, target.table);
