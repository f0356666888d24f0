/** Finds rows with values too large to be exported inline, by the lengths of the values alone. */
import type { Cell, Connection, Row } from "../connection.ts";
import type { TableLayout } from "./fields.ts";
import type { RowFilter } from "./row-filter.ts";
import type { Column, Kind, Table } from "../schema/tables.ts";
import { rowsOf, tableName } from "../schema/sql-names.ts";
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
 * The most by which a PostgreSQL value grows from its stored form to text: it may be compressed, and have every
 * character escaped.
 */
const MAX_TEXT_EXPANSION = 2048;
const TEXTS = new Set<Kind>(["text", "json", "array", "native"]);

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
  const columns = await longColumns(connection, from, limit);
  if (columns.length === 0 || (await isAllShort(connection, table, limit))) return { rows: [], rest: filter };
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

interface LongColumn {
  readonly column: Column;
  /** The SQL condition for a large value; never NULL. */
  readonly test: string;
  readonly length: string;
  /** The SQL expression that is `text` for a text value. */
  readonly type: string;
}

/** Returns the columns that may hold values of more than `limit` bytes. */
async function longColumns(connection: Connection, from: TableLayout, limit: number): Promise<LongColumn[]> {
  const { engine, quote } = connection;
  const keys = new Set([...from.key.columns, ...(from.table.primaryKey?.columns ?? [])]);
  const columns = from.fields.flatMap((field) =>
    field.kind === "value" && field.replaced === undefined && !keys.has(field.column.name) ? [field.column] : [],
  );
  if (engine === "sqlite") {
    // In a UTF-16 database, the length of a text would be that of its UTF-16 form.
    const [encoding] = await connection.rows("pragma encoding");
    const isUtf8 = String(encoding?.[0]) === "UTF-8";
    return columns.map((column) => {
      const name = `t.${quote(column.name)}`;
      const type = `typeof(${name})`;
      const length = `octet_length(${name})`;
      return {
        column,
        length,
        type,
        test: `${type} in (${isUtf8 ? "'blob', 'text'" : "'blob'"}) and ${length} > ${limit}`,
      };
    });
  }
  const isPostgres = engine === "postgresql";
  return columns.flatMap((column): LongColumn[] => {
    const { kind, length: most = Number.POSITIVE_INFINITY, octets = Number.POSITIVE_INFINITY } = column;
    const name = `t.${quote(column.name)}`;
    if (kind === "bytes") {
      const length = `octet_length(${name})`;
      return most <= limit ? [] : [{ column, length, type: "'bytes'", test: `coalesce(${length} > ${limit}, 1 = 0)` }];
    }
    if (!TEXTS.has(kind) || Math.min(octets, 4 * most) <= limit) return [];
    if (isPostgres) {
      const length = `octet_length(convert_to(${name}::text, 'UTF8'))`;
      const mayBeLong = `pg_column_size(${name}) > ${Math.floor(limit / MAX_TEXT_EXPANSION)}`;
      const test = `case when ${mayBeLong} then octet_length(${name}::text) > ${limit} else false end`;
      return [{ column, length, type: "'text'", test }];
    }
    if (kind !== "text" && kind !== "json") return [];
    // MySQL cannot convert a text that is longer than a packet.
    const length = `coalesce(octet_length(convert(${name} using utf8mb4)), octet_length(${name}))`;
    const test = `case when octet_length(${name}) > ${Math.floor(limit / 4)} then ${length} > ${limit} else 1 = 0 end`;
    return [{ column, length, type: "'text'", test }];
  });
}

/**
 * The size from which PostgreSQL always moves a value out of its row; a shorter one may be compressed enough to stay.
 */
const TOASTED = 4 * 1024 * 1024;

/** Checks whether a PostgreSQL table has no long values: they would be in its TOAST table, which is empty. */
async function isAllShort(connection: Connection, table: Table, limit: number): Promise<boolean> {
  if (connection.engine !== "postgresql" || table.partitioned === true || limit < TOASTED) return false;
  const name = tableName(connection, table).replaceAll("'", "''");
  const [row] = await connection.rows(
    `select coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) from pg_class where oid = '${name}'::regclass`,
  );
  return Number(row?.[0]) === 0;
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
  const known = (table.primaryKey?.columns ?? key.columns).map((name) => `t.${quote(name)}`);
  const order = known.length === 0 ? "" : ` order by ${known.join(", ")}`;
  const named = (values: Row): string => `(${values.map(String).join(", ")})`;
  const place =
    engine === "postgresql"
      ? ["t.tableoid", "t.ctid"]
      : engine === "sqlite" && !table.notes.includes("WITHOUT ROWID")
        ? ["rowid", "_rowid_", "oid"]
            .filter((name) => !table.columns.some((column) => column.name.toLowerCase() === name))
            .slice(0, 1)
            .map((name) => `t.${name}`)
        : [];
  if (place.length > 0)
    return {
      columns: [...place, ...known],
      order,
      find: (values) => ({
        at: {
          sql: place
            .map((one, at) => (engine === "postgresql" ? `${one} = '${String(values[at])}'` : `${one} = ?`))
            .join(" and "),
          parameters: engine === "postgresql" ? [] : values.slice(0, place.length),
        },
        limit: "",
        name: named(known.length === 0 ? values : values.slice(place.length)),
      }),
    };
  if (known.length > 0) {
    const same = engine === "sqlite" ? "is" : "<=>";
    return {
      columns: known,
      order,
      find: (values: readonly Cell[]) => ({
        at: { sql: known.map((one) => `${one} ${same} ?`).join(" and "), parameters: values },
        limit: "",
        name: named(values),
      }),
    };
  }
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
