/** Rejects SQLite text that is not valid UTF-8. */
import { isUtf8 } from "node:buffer";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { TableLayout } from "../rows/fields.ts";
import { rowsOf } from "../engine/sql-names.ts";

/**
 * Checks the bytes of columns that contain U+FFFD, with which SQLite's driver replaces invalid UTF-8. Throws `E_IMPORT`
 * with the table, column and row.
 */
export async function assertValidUtf8(
  connection: Connection,
  { table, key }: TableLayout,
  columnsWithReplacementChar: ReadonlySet<string>,
): Promise<void> {
  const { quote } = connection;
  const known = (table.primaryKey?.columns ?? key.columns).map(quote).join(", ");
  const from = rowsOf(connection, table);
  const keys = known === "" ? "" : `, ${known}`;
  for (const name of columnsWithReplacementChar) {
    const sql = `select cast(${quote(name)} as blob)${keys} from ${from} where typeof(${quote(name)}) = 'text'`;
    for await (const batch of connection.stream(sql))
      for (const [bytes, ...row] of batch)
        if (Buffer.isBuffer(bytes) && !isUtf8(bytes))
          throw new HoldfastError(
            "E_IMPORT",
            `${table.id}.${name}: the text in row (${row.map(String).join(", ")}) is not valid UTF-8`,
            {
              hint: "correct it, or convert it to a BLOB: cast(… as blob)",
            },
          );
  }
}
