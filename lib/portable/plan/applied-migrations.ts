/** The framework's migrations, read through a connection. */
import { isBroken, readMigrations, type Migrations } from "../../database/migrations.ts";
import { HoldfastError } from "../../errors.ts";
import type { Cell, Connection } from "../connection.ts";
import type { Column, Schema } from "../schema/tables.ts";
import { tableName } from "../schema/sql-names.ts";

/** All that has been applied, in the tool's own order; one that broke off is marked. Null where no tool's table is known. */
export async function migrationsOf(
  connection: Connection,
  schema: Schema,
): Promise<{ tool: string; applied: string[] } | null> {
  const columns = new Map(schema.tables.map((table) => [tableName(connection, table), table.columns]));
  const found: Migrations | null = await readMigrations({
    columnsOf: async (names) =>
      schema.tables
        .filter(({ name }) => names.includes(name.toLowerCase()))
        .map((table) => ({
          name: table.name,
          from: tableName(connection, table),
          columns: table.columns.map(({ name }) => name),
        })),
    query: async (sql, names, from) => {
      const places = names.map((name) => columns.get(from)?.find((column) => column.name === name));
      const rows = await connection.rows(sql);
      return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, plain(row[at] ?? null, places[at])])));
    },
    quote: connection.quote,
  });
  return found === null ? null : { tool: found.tool, applied: [...new Set(found.applied)] };
}

/** The same, and none of them broke off. Throws `E_SCHEMA`: such a schema is neither the one before nor the one after. */
export async function requireMigrations(
  connection: Connection,
  schema: Schema,
): Promise<{ tool: string; applied: string[] } | null> {
  const found = await migrationsOf(connection, schema);
  const broken = found?.applied.filter(isBroken) ?? [];
  if (found === null || broken.length === 0) return found;
  throw new HoldfastError("E_SCHEMA", `a ${found.tool} migration broke off in this database: ${broken.join(", ")}`, {
    hint: `finish or repair it with ${found.tool}, and export then`,
  });
}

/** Each engine prints a boolean in another way; the column says that it is one. */
function plain(cell: Cell, column: Column | undefined): unknown {
  if (column?.kind !== "boolean" || cell === null) return cell;
  return /^(?:1|t|true|y|yes|on)$/i.test(String(cell));
}
