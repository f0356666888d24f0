/** Columns of MySQL and MariaDB, and their values in hexadecimal: the client's own output loses some bytes. */
import type { ValueKind } from "../digest/canonical.ts";
import { text } from "./names.ts";
import type { MysqlSession } from "./session.ts";
import { isGenerated } from "./tables.ts";

export interface MysqlColumn {
  readonly name: string;
  /** The `data_type` of the catalogue. */
  readonly type: string;
}

/** Classes by type; absent types are text. */
export const KINDS: Readonly<Record<string, ValueKind>> = {
  tinyint: "number",
  smallint: "number",
  mediumint: "number",
  int: "number",
  bigint: "number",
  year: "number",
  decimal: "number",
  double: "number",
  bit: "number",
  float: "single",
  binary: "bytes",
  varbinary: "bytes",
  tinyblob: "bytes",
  blob: "bytes",
  mediumblob: "bytes",
  longblob: "bytes",
  // Well-known binary behind the SRID, as the server stores it.
  geometry: "bytes",
  geometrycollection: "bytes",
  geomcollection: "bytes",
  linestring: "bytes",
  multilinestring: "bytes",
  multipoint: "bytes",
  multipolygon: "bytes",
  point: "bytes",
  polygon: "bytes",
  date: "time",
  datetime: "time",
  timestamp: "time",
  time: "time",
  json: "json",
};

/** Returns the columns of a table, without those that the database generates. */
export async function columnsOf(session: MysqlSession, table: string): Promise<MysqlColumn[]> {
  const rows = await session.run(
    `select column_name as name, data_type as type, extra from information_schema.columns
     where table_schema = database() and table_name = ${text(table)} order by ordinal_position`,
  );
  return rows
    .filter(({ extra }) => !isGenerated(extra))
    .map(({ name, type }) => ({ name: name ?? "", type: type ?? "" }));
}

/** Returns SQL for a value in hexadecimal, `-` for NULL; NULL means that the server could not print it. */
export function cellExpression({ name, type }: MysqlColumn): string {
  const column = `\`${name.replaceAll("`", "``")}\``;
  return `if(${column} is null, '-', ${hexOf(column, type)})`;
}

function hexOf(column: string, type: string): string {
  if (KINDS[type] === "bytes") return `hex(${column})`;
  const value = type === "bit" ? `(${column} + 0)` : type === "float" ? `(${column} + 0e0)` : column;
  return `hex(convert(cast(${value} as char) using utf8mb4))`;
}
