/**
 * Two fast paths: insert into an empty table, or resolve, match and diff in one statement. Each returns false, with
 * nothing changed, if its assumptions do not hold; the merge then takes over.
 */
import { columnOf } from "../schema/tables.ts";
import type { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import { ROW_NUMBER_COLUMN, realName, realRows, stagingName, MATCH_STATE_COLUMN } from "./staging/staged-table.ts";
import type { StagedColumn, StagedForeignKey } from "./staging/column-loaders.ts";
import type { StagingTable } from "./staging/table.ts";
import type { Statements } from "./staging/statements.ts";

/** Inserts all rows if the table is empty and a constraint of its own rejects duplicate keys. */
export async function insertIntoEmptyTable(
  on: Statements,
  links: ForeignKeyResolver,
  staging: StagingTable,
): Promise<boolean> {
  const { table, key } = staging.target;
  const isGuarded = [table.primaryKey, ...table.uniques].some(
    (unique) =>
      unique !== null && unique.deferrable !== true && unique.columns.every((name) => key.columns.includes(name)),
  );
  const into = realName(on.connection, staging);
  if (!isGuarded || staging.rows === 0) return false;
  if ((await on.connection.rows(`select 1 from ${realRows(on.connection, staging)} limit 1`)).length > 0) return false;
  const { joins, values, found } = links.joined(staging.links);
  const names = staging.columns.map(({ column }) => on.quote(column.name)).join(", ");
  const list = staging.columns.map(({ staged }) => values.get(staged) ?? `s.${on.quote(staged)}`).join(", ");
  const sql =
    `insert into ${into} (${names})${on.dialect.overridingClause} select ${list} from ` +
    `${stagingName(on.connection, staging)} as s${joins} where ${found}`;
  return await on.trySavepoint(async () => (await on.connection.run(sql)) === staging.rows);
}

/**
 * Resolves, matches and diffs all rows in one statement. `compared` are the columns by which existing rows are updated.
 * Rows that match two others are left to the merge.
 */
export async function resolveAndDiff(
  on: Statements,
  links: ForeignKeyResolver,
  staging: StagingTable,
  {
    resolved,
    compared,
  }: { readonly resolved: readonly StagedForeignKey[]; readonly compared: readonly StagedColumn[] },
): Promise<boolean> {
  const { connection } = on;
  const { differs, dropTableKeyword } = on.dialect;
  const { key, table } = staging.target;
  // A nullable key column could not tell a match from a missing row.
  if (key.columns.some((name) => columnOf(table, name).nullable)) return false;
  const from = stagingName(on.connection, staging);
  const { joins, values } = links.joined(resolved);
  const valueOf = (staged: string): string => values.get(staged) ?? `s.${on.quote(staged)}`;
  const match = key.columns.map((name) => `t.${on.quote(name)} = ${valueOf(staging.of(name))}`).join(" and ");
  const changes = compared.map(({ column, staged }) => differs(`t.${on.quote(column.name)}`, valueOf(staged), column));
  const isChanged = changes.length === 0 ? "" : ` when ${changes.join(" or ")} then 2`;
  const state = `case when t.${on.quote(key.columns[0] ?? "")} is null then 1${isChanged} else 0 end`;
  const names = [ROW_NUMBER_COLUMN, MATCH_STATE_COLUMN, ...staging.names].map(on.quote).join(", ");
  const list = [`s.${on.quote(ROW_NUMBER_COLUMN)}`, state, ...staging.names.map(valueOf)].join(", ");
  const unsettled = staging.name;
  const isSettled = await on.trySavepoint(async () => {
    staging.name = `${unsettled}_settled`;
    await staging.create();
    const count = await connection.run(
      `insert into ${stagingName(on.connection, staging)} (${names}) select ${list} from ${from} as s${joins} ` +
        `left join ${realRows(on.connection, staging)} as t on ${match}`,
    );
    if (count !== staging.rows) return false;
    await connection.run(`drop ${dropTableKeyword} ${on.quote(unsettled)}`);
    await staging.analyze();
    return true;
  });
  if (!isSettled) staging.name = unsettled;
  return isSettled;
}
