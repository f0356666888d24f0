/** The common parts of the formats for people: field names, and rows that are counted before and after. */
import { setImmediate } from "node:timers/promises";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Row } from "../engine/session.ts";
import type { TableLayout } from "../rows/fields.ts";
import { rowFilter } from "../rows/row-filter.ts";
import { findLarge } from "../rows/find-large-values.ts";
import type { PortablePlan } from "../plan/run.ts";
import type { JsonCell } from "../rows/nested-key.ts";
import type { Table, TableId } from "../schema/tables.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { selectTable, type TableQuery } from "../rows/select-query.ts";
import { plural } from "../../report/format.ts";

/** The report of an export in any format. */
export interface ExportSummary {
  readonly data_counts: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** The callbacks of an export, and the signal that aborts it. */
export interface ExportHooks {
  readonly signal: AbortSignal;
  onRows(table: TableId, rows: number): void;
}

/**
 * Returns Django's name for the field of a foreign key: `author` for `author_id`, unless another column has that name.
 * Several columns are one field, `a+b`.
 */
export function fieldName(table: Table, columns: readonly string[]): string {
  const [only = "", ...more] = columns;
  if (more.length > 0) return columns.join("+");
  const isLink = table.foreignKeys.some((key) => key.columns.length === 1 && key.columns[0] === only);
  const short = only.replace(/_id$/, "");
  return isLink && short !== "" && !table.columns.some(({ name }) => name === short) ? short : only;
}

/** The most bytes of a value in these formats, which build whole rows: a row takes about ten times as much memory. */
const MOST = 32 * 1024 * 1024;

/**
 * Returns the query for the selected rows of a table, and their count. Throws `E_IMPORT` for a value that is too large
 * for these formats.
 */
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
      `${table.id}.${large.values[0]?.column.name} of row ${large.name} has ${large.values[0]?.bytes} bytes: ` +
        `this format allows at most ${MOST}`,
      {
        hint: "use --format native, or omit the column with portable.exclude_columns",
      },
    );
  const where = filter === undefined ? "" : ` where ${filter.sql}`;
  const [row] = await connection.rows(
    `select count(*) from ${rowsOf(connection, table)} as t${where}`,
    filter?.parameters,
  );
  return { query: selectTable(connection, plan.fields, fields, filter), count: Number(row?.[0]) };
}

/** Returns the layout with generic relations as plain ids: these formats cannot express them. */
export const withoutGenerics = (fields: TableLayout): TableLayout => ({
  ...fields,
  fields: fields.fields.map((field) => (field.kind === "generic" ? { kind: "value", column: field.column } : field)),
});

/**
 * Passes each row to `take`. Throws `E_DATABASE` if their number differs from the count, as the database is then
 * inconsistent.
 */
export async function eachRow(
  connection: Connection,
  table: Table,
  query: TableQuery,
  { count, signal, onRows }: ExportHooks & { readonly count: number },
  take: (row: Row, isFirst: boolean) => void,
): Promise<void> {
  let rows = 0;
  for await (const batch of connection.stream(query.sql, query.parameters)) {
    await setImmediate(); // lets signals be handled: all else here may be synchronous
    signal.throwIfAborted();
    for (const row of batch) take(row, rows++ === 0);
    onRows(table.id, rows);
  }
  if (rows !== count)
    throw new HoldfastError("E_DATABASE", `${table.id}: counted ${count} rows, but read ${rows}`, {
      hint: "check the database for damage: indexes that lack rows, or duplicates of referenced rows",
    });
}

/** Checks for JSON's own null, which Django's form cannot distinguish from NULL. */
export const hasJsonNull = ({ places }: TableQuery, cells: readonly JsonCell[]): boolean =>
  places.some((place, at) => place.kind === "value" && place.column.kind === "json" && isNullText(cells[at]));

const isNullText = (cell: JsonCell | undefined): boolean => typeof cell === "string" && cell.trim() === "null";

export const jsonNullWarning = (table: TableId, count: number): string =>
  `${table}: ${plural(count, "row contains", "rows contain")} JSON's null, which this format cannot distinguish from NULL; the native format can`;
