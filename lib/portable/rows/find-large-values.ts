/** Finds rows with values too large to be exported inline, by the lengths of the values alone. */
import type { Connection } from "../engine/connection.ts";
import type { Cell, Row } from "../engine/session.ts";
import type { TableLayout } from "./fields.ts";
import type { RowFilter } from "./row-filter.ts";
import type { Column } from "../schema/tables.ts";
import { rowsOf } from "../engine/sql-names.ts";
import type { LargeValue } from "../format/large-value.ts";

export interface LargeRow {
  /** Matches this row alone in the snapshot that the connection reads; `t` is the table. */
  readonly at: RowFilter;
  /** The LIMIT clause of the query, if no condition matches the row alone. */
  readonly limit: string;
  /** The row's name in messages. */
  readonly name: string;
  readonly values: readonly LargeValue[];
}

export interface LargeRows {
  readonly rows: readonly LargeRow[];
  /** Matches all other rows. */
  readonly rest: RowFilter | undefined;
}

/**
 * Finds the rows with values of more than `limit` bytes, among those that `filter` accepts. Columns of the keys and
 * replaced columns are not searched.
 */
export async function findLarge(
  connection: Connection,
  from: TableLayout,
  filter: RowFilter | undefined,
  limit: number,
): Promise<LargeRows> {
  const { table } = from;
  const { large } = connection.engine;
  const columns = await large.longColumns(connection, valueColumns(from), limit);
  if (columns.length === 0 || (await large.areAllShort(connection, table, limit))) return { rows: [], rest: filter };
  const tests = columns.map(({ test }) => test);
  const locator = locatorOf(connection, from);
  const conditions = [from.where, filter?.sql, `(${tests.join(" or ")})`].filter((one) => one !== undefined);
  const found = columns.flatMap(({ test, length, type }) => [`case when ${test} then ${length} end`, type]);
  const sql =
    `select ${[...found, ...locator.columns].join(", ")} from ${rowsOf(connection, table)} as t ` +
    `where ${conditions.join(" and ")}${locator.order}`;
  const rows = await connection.rows(sql, filter?.parameters ?? []);
  const few = [filter?.sql, `not (${tests.join(" or ")})`].filter((one) => one !== undefined).join(" and ");
  return {
    rows: rows.map((row, index) => {
      const values = columns.flatMap(({ column }, at): LargeValue[] => {
        const bytes = row[2 * at] ?? null;
        return bytes === null
          ? []
          : [{ column, bytes: Number(bytes), is: row[2 * at + 1] === "text" ? "text" : "bytes" }];
      });
      return { ...locator.find(row.slice(found.length), index, conditions, filter), values };
    }),
    rest: rows.length === 0 ? filter : { sql: few, parameters: filter?.parameters ?? [] },
  };
}

/** Returns the columns whose values are exported: neither of a key nor replaced. */
function valueColumns({ table, key, fields }: TableLayout): Column[] {
  const keys = new Set([...key.columns, ...(table.primaryKey?.columns ?? [])]);
  return fields.flatMap((field) =>
    field.kind === "value" && field.replaced === undefined && !keys.has(field.column.name) ? [field.column] : [],
  );
}

interface Locator {
  readonly columns: readonly string[];
  readonly order: string;
  find(
    values: Row,
    index: number,
    conditions: readonly string[],
    filter: RowFilter | undefined,
  ): Pick<LargeRow, "at" | "limit" | "name">;
}

/** Returns how to find a row again: by physical location, else by key, else by its position among the large rows. */
function locatorOf(connection: Connection, { table, key }: TableLayout): Locator {
  const { engine, quote } = connection;
  const { large } = engine;
  const known = (table.primaryKey?.columns ?? key.columns).map((name) => `t.${quote(name)}`);
  const order = known.length === 0 ? "" : ` order by ${known.join(", ")}`;
  const named = (values: Row): string => `(${values.map(String).join(", ")})`;
  const location = large.locator(table);
  if (location !== undefined) {
    const size = location.columns.length;
    return {
      columns: [...location.columns, ...known],
      order,
      find: (values) => ({
        at: location.condition(values.slice(0, size)),
        limit: "",
        name: named(known.length === 0 ? values : values.slice(size)),
      }),
    };
  }
  if (known.length > 0)
    return {
      columns: known,
      order,
      find: (values: readonly Cell[]) => ({
        at: { sql: known.map((one) => `${one} ${large.isSame} ?`).join(" and "), parameters: values },
        limit: "",
        name: named(values),
      }),
    };
  return {
    columns: ["1"],
    order: "",
    find: (_values, index, conditions, filter) => ({
      at: { sql: conditions.join(" and "), parameters: filter?.parameters ?? [] },
      limit: ` limit 1 offset ${index}`,
      name: `${index + 1} of those with large values`,
    }),
  };
}
