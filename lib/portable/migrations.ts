/** The framework's migrations, read through a connection. */
import { readMigrations, type Migrations } from "../database/migrations.ts";
import type { Connection } from "./connection.ts";
import type { Schema } from "./schema.ts";
import { tableName } from "./select.ts";

export async function migrationsOf(
  connection: Connection,
  schema: Schema,
): Promise<{ tool: string; applied: string[] } | null> {
  const found: Migrations | null = await readMigrations({
    columnsOf: async (names) =>
      schema.tables
        .filter(({ name }) => names.includes(name.toLowerCase()))
        .map((table) => ({
          name: table.name,
          from: tableName(connection, table),
          columns: table.columns.map(({ name }) => name),
        })),
    query: async (sql, columns) =>
      (await connection.rows(sql)).map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]]))),
    quote: connection.quote,
  });
  return found === null ? null : { tool: found.tool, applied: [...found.applied] };
}
