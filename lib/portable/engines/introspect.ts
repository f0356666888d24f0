/** Reads the schema of a database from its catalogue. */
import type { Connection } from "../connection.ts";
import { introspectMysql } from "./mysql/introspect.ts";
import { introspectPostgres } from "./postgres/introspect.ts";
import { introspectSqlite } from "./sqlite/introspect.ts";
import type { Schema } from "../schema/tables.ts";

/**
 * Runs a few queries, regardless of the number of tables. Reads no rows, except those of SQLite tables with a nullable
 * primary key. Throws `E_DATABASE`.
 */
export async function introspect(connection: Connection): Promise<Schema> {
  switch (connection.engine) {
    case "postgresql":
      return await introspectPostgres(connection);
    case "mysql":
    case "mariadb":
      return await introspectMysql(connection);
    case "sqlite":
      return await introspectSqlite(connection);
  }
}
