/** Names of tables in SQL. */
import type { Connection } from "./connection.ts";
import type { Table } from "../schema/tables.ts";

/** The parts of a connection that quoting names needs. */
export type Quoting = Pick<Connection, "engine" | "quote">;

/** Returns the quoted name of a table: `"schema"."table"`. */
export const tableName = (
  { quote }: Pick<Connection, "quote">,
  { schema, name }: { readonly schema: string | null; readonly name: string },
): string => (schema === null ? quote(name) : `${quote(schema)}.${quote(name)}`);

/**
 * Returns the FROM item for the rows of a table itself: those of its partitions, but not those of inheriting tables.
 */
export const rowsOf = (connection: Quoting, table: Table): string =>
  `${connection.engine.dialect.ownRows(table)}${tableName(connection, table)}`;
