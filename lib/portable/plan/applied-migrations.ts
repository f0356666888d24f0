/** Reads the framework's applied migrations through a connection. */
import { isBroken, readMigrations, type Migrations } from "../../database/migrations.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Cell } from "../engine/session.ts";
import type { Column, Schema } from "../schema/tables.ts";
import { tableName } from "../engine/sql-names.ts";

/**
 * Reads all applied migrations, in the tool's own order; an incomplete one is marked. Returns null if there is no table
 * of a known tool.
 */
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

/**
 * Reads the applied migrations. Throws `E_SCHEMA` for an incomplete one: such a schema is neither the old nor the new
 * one.
 */
export async function requireMigrations(
  connection: Connection,
  schema: Schema,
): Promise<{ tool: string; applied: string[] } | null> {
  const found = await migrationsOf(connection, schema);
  const broken = found?.applied.filter(isBroken) ?? [];
  if (found === null || broken.length === 0) return found;
  throw new HoldfastError(
    "E_SCHEMA",
    `a ${found.tool} migration is incomplete in this database: ${broken.join(", ")}`,
    {
      hint: `finish or repair it with ${found.tool}, then export again`,
    },
  );
}

/** Normalizes a boolean, which each engine prints differently. */
function plain(cell: Cell, column: Column | undefined): unknown {
  if (column?.kind !== "boolean" || cell === null) return cell;
  return /^(?:1|t|true|y|yes|on)$/i.test(String(cell));
}
