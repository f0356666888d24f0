/** Handles generated ids: reports renumbered rows, and raises sequences. */
import type { Table } from "../../schema/tables.ts";
import { tableName } from "../../schema/sql-names.ts";
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
    `${stagingName(on.dialect, staging)} as s join ${realRows(on.dialect, staging)} as t on ` +
    `${on.match(staging)} where s.${on.quote(staging.of(number))} <> t.${on.quote(number)}`;
  result.remapped.count = await on.count(other);
  if (result.remapped.count === 0) return;
  const { tree } = staging;
  const names = tree === undefined ? key.columns.map((name) => staging.of(name)) : [PATH_COLUMN];
  const keys = names.map((name) => `s.${on.quote(name)}`).join(", ");
  for (const row of await on.dialect.connection.rows(
    `select s.${on.quote(staging.of(number))}, t.${on.quote(number)}, ${keys} from ${other} limit ${SAMPLES}`,
  ))
    result.remapped.samples.push({
      was: String(row[0]),
      is: String(row[1]),
      key: keyText(tree === undefined ? row.slice(2) : [await tree.textOf(row[2] ?? null)]),
    });
}

/** Raises a table's sequences above its highest id. Unlike setval, this is rolled back with the transaction. */
export const raiseSequences = async (on: Statements, { target }: StagingTable): Promise<void> =>
  await raiseTableSequence(on, target.table);

/** Raises the sequences of any table. */
export async function raiseTableSequence(on: Statements, table: Table): Promise<void> {
  const { connection } = on.dialect;
  if (connection.engine !== "postgresql") return;
  for (const { name, sequence } of table.columns) {
    if (sequence === undefined) continue;
    const [row] = await connection.rows(
      `select coalesce(max(${on.quote(name)}), 0) + 1, (select case when is_called then last_value + 1 ` +
        `else last_value end from ${sequence}) from ${tableName(connection, table)}`,
    );
    const [wanted, next] = [BigInt(String(row?.[0] ?? 1)), BigInt(String(row?.[1] ?? 1))];
    if (wanted > next) await connection.run(`alter sequence ${sequence} restart with ${wanted}`);
  }
}
