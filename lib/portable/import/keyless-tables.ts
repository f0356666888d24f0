/** Imports tables without a key. */
import { HoldfastError } from "../../errors.ts";
import { ROW_NUMBER_COLUMN, realName, realRows, stagingName } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import type { ImportMode } from "./resolve/options.ts";
import type { TableResult } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";

/** Inserts the rows of a table without a key, which must be empty or hold the very same rows. */
export async function insertKeylessRows(
  on: Statements,
  mode: ImportMode,
  staging: StagingTable,
  result: TableResult,
): Promise<TableResult> {
  const real = realName(on.connection, staging);
  const existing = await on.count(realRows(on.connection, staging));
  if (staging.rows === 0) return result;
  if (existing > 0) {
    if (await sameRows(on, staging)) return { ...result, unchanged: staging.rows };
    if (mode === "create-only") return { ...result, skipped: staging.rows };
    throw new HoldfastError(
      "E_IMPORT",
      `${staging.target.table.id} has no key and already holds ${existing} rows: equal rows cannot be distinguished`,
      {
        hint: "empty it, leave it out with --exclude, or give it a key under portable.keys",
      },
    );
  }
  if (mode === "update-only") return { ...result, skipped: staging.rows };
  const names = staging.columns.map(({ column }) => on.quote(column.name)).join(", ");
  const values = staging.columns.map(({ staged }) => on.quote(staged)).join(", ");
  const into = names === "" ? "" : ` (${names})`; // PostgreSQL has tables without columns
  const created = await on.write(
    staging,
    (only) =>
      `insert into ${real}${into}${on.dialect.overridingClause} select ${values} from ` +
      `${stagingName(on.connection, staging)} as s where ${only} order by ${on.quote(ROW_NUMBER_COLUMN)}`,
  );
  return { ...result, created };
}

/** Checks whether a table without a key holds exactly these rows, each as often. */
async function sameRows(on: Statements, staging: StagingTable): Promise<boolean> {
  const grouped = (from: string, names: readonly string[]): string =>
    `select ${names.map((name, index) => `${name} as c${index}`).join(", ")}, count(*) as n from ${from} ` +
    `group by ${names.join(", ")}`;
  const columns = staging.columns.filter(({ onlyNew }) => onlyNew !== true);
  const total = await on.count(realRows(on.connection, staging));
  if (columns.length === 0) return total === staging.rows;
  const real = grouped(
    realRows(on.connection, staging),
    columns.map(({ column }) => on.dialect.comparable(on.quote(column.name), column)),
  );
  const staged = grouped(
    stagingName(on.connection, staging),
    columns.map(({ column, staged: name }) => on.dialect.comparable(on.quote(name), column)),
  );
  const same = columns.map(({ column }, index) => `not (${on.dialect.differs(`a.c${index}`, `b.c${index}`, column)})`);
  const [row] = await on.connection.rows(
    `select coalesce(sum(a.n), 0) from (${real}) as a join (${staged}) as b on a.n = b.n and ${same.join(" and ")}`,
  );
  return total === staging.rows && Number(row?.[0]) === total;
}
