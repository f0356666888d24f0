/** Texts that are none: SQLite keeps whatever bytes it was given. */
import { isUtf8 } from "node:buffer";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { TableLayout } from "../rows/fields.ts";
import { rowsOf } from "../schema/sql-names.ts";

/**
 * SQLite's driver puts U+FFFD in the place of what is no UTF-8: of the columns where it stands, the bytes are looked at. Throws `E_IMPORT` that names table,
 * column and row.
 */
export async function assertValidUtf8(
  connection: Connection,
  { table, key }: TableLayout,
  columnsWithReplacementChar: ReadonlySet<string>,
): Promise<void> {
  if (connection.engine !== "sqlite") return;
  const { quote } = connection;
  const known = (table.primaryKey?.columns ?? key.columns).map(quote).join(", ");
  for (const name of columnsWithReplacementChar) {
    const sql = `select cast(${quote(name)} as blob)${known === "" ? "" : `, ${known}`} from ${rowsOf(connection, table)} where typeof(${quote(name)}) = 'text'`;
    for await (const batch of connection.stream(sql))
      for (const [bytes, ...row] of batch)
        if (Buffer.isBuffer(bytes) && !isUtf8(bytes))
          throw new HoldfastError(
            "E_IMPORT",
            `${table.id}.${name} holds a text that is no UTF-8, in row (${row.map(String).join(", ")})`,
            {
              hint: "correct it, or make it a BLOB: cast(… as blob)",
            },
          );
  }
}
