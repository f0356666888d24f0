/** What the formats for people have in common: names of fields, and rows that are counted before and after. */
import { setImmediate } from "node:timers/promises";
import { HoldfastError } from "../../errors.ts";
import type { Connection, Row } from "../connection.ts";
import type { TableLayout } from "../rows/fields.ts";
import { rowFilter } from "../rows/row-filter.ts";
import { findLarge } from "../rows/find-large-values.ts";
import type { PortablePlan } from "../plan/run.ts";
import type { JsonCell } from "../rows/nested-key.ts";
import type { Table, TableId } from "../schema/tables.ts";
import { rowsOf } from "../schema/sql-names.ts";
import { selectTable, type TableQuery } from "../rows/select-query.ts";

/** What an export of any format reports. */
export interface ExportSummary {
  readonly data_counts: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** What is called while an export is made. */
export interface ExportHooks {
  readonly signal: AbortSignal;
  onRows(table: TableId, rows: number): void;
}

/** As Django calls the field of a foreign key: `author` for `author_id`, where no other column is called so. Several columns are one field, `a+b`. */
export function fieldName(table: Table, columns: readonly string[]): string {
  const [only = "", ...more] = columns;
  if (more.length > 0) return columns.join("+");
  const isLink = table.foreignKeys.some((key) => key.columns.length === 1 && key.columns[0] === only);
  const short = only.replace(/_id$/, "");
  return isLink && short !== "" && !table.columns.some(({ name }) => name === short) ? short : only;
}

/** The most bytes of a value in these formats, whose rows are made whole: a row takes about ten times as much memory. */
const MOST = 32 * 1024 * 1024;

/** What is read of a table, and how many rows that will be: those that the plan takes. Throws `E_IMPORT` for a value that is too large for one row of text. */
export async function queryOf(
  connection: Connection,
  plan: PortablePlan,
  fields: TableLayout,
): Promise<{ query: TableQuery; count: number }> {
  const { table } = fields;
  const together = plan.tables.map((one) => one.table);
  const filter = rowFilter(connection, together, table, plan.conditions);
  const [large] = (await findLarge(connection, fields, filter, MOST)).rows;
  if (large !== undefined)
    throw new HoldfastError(
      "E_IMPORT",
      `${table.id}.${large.values[0]?.column.name} of row ${large.name} has ${large.values[0]?.bytes} bytes: the most of this format is ${MOST}`,
      {
        hint: "--format native has a file for each large value; or leave the column out with portable.exclude_columns",
      },
    );
  const where = filter === undefined ? "" : ` where ${filter.sql}`;
  const [row] = await connection.rows(
    `select count(*) from ${rowsOf(connection, table)} as t${where}`,
    filter?.parameters,
  );
  return { query: selectTable(connection, plan.fields, fields, filter), count: Number(row?.[0]) };
}

/** These formats have no word for a generic relation: it is the number that its column holds. */
export const withoutGenerics = (fields: TableLayout): TableLayout => ({
  ...fields,
  fields: fields.fields.map((field) => (field.kind === "generic" ? { kind: "value", column: field.column } : field)),
});

/** Gives each row to `take`. Throws `E_DATABASE` when they are not as many as were counted: the database gave two answers. */
export async function eachRow(
  connection: Connection,
  table: Table,
  query: TableQuery,
  { count, signal, onRows }: ExportHooks & { readonly count: number },
  take: (row: Row, isFirst: boolean) => void,
): Promise<void> {
  let rows = 0;
  for await (const batch of connection.stream(query.sql, query.parameters)) {
    await setImmediate(); // all else here may be synchronous: signals have to be heard
    signal.throwIfAborted();
    for (const row of batch) take(row, rows++ === 0);
    onRows(table.id, rows);
  }
  if (rows !== count)
    throw new HoldfastError("E_DATABASE", `${table.id} gave ${rows} rows where it had counted ${count}`, {
      hint: "look for damage: indexes that lack rows, or foreign keys to rows that are there twice",
    });
}

/** JSON's own null, which Django's form cannot tell from NULL. */
export const hasJsonNull = ({ places }: TableQuery, cells: readonly JsonCell[]): boolean =>
  places.some((place, at) => place.kind === "value" && place.column.kind === "json" && isNullText(cells[at]));

const isNullText = (cell: JsonCell | undefined): boolean => typeof cell === "string" && cell.trim() === "null";

export const jsonNullWarning = (table: TableId, count: number): string =>
  `${table}: ${count} rows hold JSON's null, which cannot be told from NULL in this format; the native one can`;
