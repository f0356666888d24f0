/**
 * Table digests of SQLite, whose columns hold what they were given: the value decides, and the declared type where it
 * must.
 */
import { canonicalCell, canonicalDouble, canonicalNumber, type ValueKind } from "../digest/canonical.ts";
import type { SqliteDatabase, SqliteValue } from "../../sqlite/database.ts";
import { TableDigest } from "../digest/table.ts";
import { quoteSqlite } from "./capture.ts";

/** The digest of one table. Columns that the database generates are left out. */
export function digestSqlite(db: SqliteDatabase, table: string): string {
  const columns = db
    .prepare("select name, type from pragma_table_info(?)")
    .all(table)
    .map(([name, type]) => ({ name: String(name), type: String(type) }));
  const kinds = columns.map(({ type }) => declaredKind(type));
  const digest = new TableDigest(columns);
  const names = columns.map(({ name }) => quoteSqlite(name)).join(", ");
  const statement = db.prepare(`select ${names} from ${quoteSqlite(table)}`);
  for (const row of statement.iterate()) digest.add(row.map((value, index) => cellOf(kinds[index] ?? "text", value)));
  return digest.finish();
}

/** Returns the class of a column by its declared type. */
function declaredKind(type: string): ValueKind {
  if (/json/i.test(type)) return "json";
  if (/date|time/i.test(type)) return "time";
  if (/dec|num/i.test(type)) return "number";
  return "text";
}

function cellOf(kind: ValueKind, value: SqliteValue): Buffer | null {
  if (value === null) return null;
  // A column that is declared as JSON turns a number in JSON into its own.
  const tag = kind === "json" ? "j" : "n";
  if (typeof value === "bigint") return Buffer.from(`${tag}${value}`);
  if (typeof value === "number") return Buffer.from(`${tag}${canonicalDouble(value)}`);
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from("x"), value]);
  // A decimal that SQLite could not take for a number is a text to it.
  if (kind === "number" && canonicalNumber(value) === value.trim() && !/^-?\d/.test(value))
    return canonicalCell("text", value);
  return canonicalCell(kind, value);
}
