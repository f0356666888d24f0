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
    query: async (sql) => {
      // `select a as x, b …`: the names are those of the columns as they are asked for.
      const rows = await connection.rows(sql);
      const names =
        /^\s*select (.*?) from /is
          .exec(sql)?.[1]
          ?.split(",")
          .map(
            (one) =>
              one
                .trim()
                .split(/\s+as\s+/i)
                .at(-1) ?? "",
          ) ?? [];
      const plain = names.map((name) => name.replaceAll(/^["`]|["`]$/g, ""));
      return rows.map((row) => Object.fromEntries(plain.map((name, index) => [name, row[index]])));
    },
    quote: connection.quote,
  });
  return found === null ? null : { tool: found.tool, applied: [...found.applied] };
}
