/** Table digests of MySQL and MariaDB: every cell in hexadecimal, since the client's own output loses some bytes. */
import { canonicalCell, type ValueKind } from "./canonical.ts";
import { TableDigest } from "./multiset.ts";
import type { MysqlSession } from "./mysql-session.ts";

const KINDS: Readonly<Record<string, ValueKind>> = {
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
  date: "time",
  datetime: "time",
  timestamp: "time",
  time: "time",
  json: "json",
};

const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
const literal = (text: string): string => `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;

/** The digest of one table. Columns that the database generates are left out. MariaDB's JSON is a text with a check. */
export async function digestMysql(session: MysqlSession, table: string): Promise<string> {
  const of = `table_schema = database() and table_name = ${literal(table)}`;
  const rows = await session.run(
    `select column_name as name, data_type as type, extra from information_schema.columns where ${of} order by ordinal_position`,
  );
  const json = await jsonColumns(session, table);
  const columns = rows
    .filter(({ extra }) => !/GENERATED/i.test((extra ?? "").replace(/DEFAULT_GENERATED/i, "")))
    .map(({ name, type }) => ({ name: name ?? "", type: type ?? "" }));
  const kinds = columns.map(({ name, type }): ValueKind =>
    json.has(name.toLowerCase()) ? "json" : (KINDS[type] ?? "text"),
  );
  const digest = new TableDigest(columns);
  const cells = columns.map(({ name, type }, index) => `${expressionOf(quote(name), type)} as c${index}`).join(", ");
  await session.rows(`select ${cells} from ${quote(table)}`, (row) => {
    digest.add(row.map((hex, index) => (hex === null ? null : cellOf(kinds[index] ?? "text", hex))));
  });
  return digest.finish();
}

const cellOf = (kind: ValueKind, hex: string): Buffer =>
  canonicalCell(kind, kind === "bytes" ? hex : Buffer.from(hex, "hex").toString("utf8"));

function expressionOf(column: string, type: string): string {
  if (KINDS[type] === "bytes") return `hex(${column})`;
  const text = type === "bit" ? `${column} + 0` : type === "float" ? `cast(${column} as double)` : column;
  return `hex(convert(cast(${text} as char) using utf8mb4))`;
}

async function jsonColumns(session: MysqlSession, table: string): Promise<ReadonlySet<string>> {
  try {
    const rows = await session.run(
      `select check_clause as clause from information_schema.check_constraints where constraint_schema = database() and table_name = ${literal(table)}`,
    );
    return new Set(
      rows.flatMap(({ clause }) => /^json_valid\(`(.+)`\)$/i.exec(clause ?? "")?.[1]?.toLowerCase() ?? []),
    );
  } catch {
    return new Set(); // MySQL has a type for it, and no such column
  }
}
