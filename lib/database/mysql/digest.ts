/** Table digests of MySQL and MariaDB. */
import { HoldfastError } from "../../errors.ts";
import { canonicalCell, type ValueKind } from "../digest/canonical.ts";
import { TableDigest } from "../digest/table.ts";
import { cellExpression, columnsOf, KINDS } from "./columns.ts";
import { text } from "./names.ts";
import type { MysqlSession } from "./session.ts";
import { fromTable, type MysqlTable } from "./tables.ts";

/** The digest of one table. Columns that the database generates are left out. MariaDB's JSON is a text with a check. */
export async function digestMysql(
  session: MysqlSession,
  table: Pick<MysqlTable, "key" | "withHistory">,
): Promise<string> {
  const json = await jsonColumns(session, table.key);
  const columns = await columnsOf(session, table.key);
  const kinds = columns.map(({ name, type }): ValueKind =>
    json.has(name.toLowerCase()) ? "json" : (KINDS[type] ?? "text"),
  );
  const digest = new TableDigest(columns);
  const cells = columns.map((column, index) => `${cellExpression(column)} as c${index}`).join(", ");
  let unreadable = false;
  await session.rows(`select ${cells} from ${fromTable(table)}`, (row) => {
    unreadable ||= row.includes(null);
    digest.add(row.map((hex, index) => cellOf(kinds[index] ?? "text", hex)));
  });
  if (unreadable) throw new HoldfastError("E_DATABASE", "a value is larger than max_allowed_packet of the server");
  return digest.finish();
}

const cellOf = (kind: ValueKind, hex: string | null): Buffer | null =>
  hex === null || hex === "-"
    ? null
    : canonicalCell(kind, kind === "bytes" ? hex : Buffer.from(hex, "hex").toString("utf8"));

async function jsonColumns(session: MysqlSession, table: string): Promise<ReadonlySet<string>> {
  try {
    const rows = await session.run(
      `select check_clause as clause from information_schema.check_constraints where constraint_schema = database() and table_name = ${text(table)}`,
    );
    return new Set(
      rows.flatMap(({ clause }) => /^json_valid\(`(.+)`\)$/i.exec(clause ?? "")?.[1]?.toLowerCase() ?? []),
    );
  } catch {
    return new Set(); // MySQL has a type for it, and no such column
  }
}
