/** Reads what a database's catalogue says of its tables. */
import type { Connection } from "../connection.ts";
import { introspectMysql } from "./mysql/introspect.ts";
import { introspectPostgres } from "./postgres/introspect.ts";
import { introspectSqlite } from "./sqlite/introspect.ts";
import type { Schema } from "../schema/tables.ts";

/** A handful of queries, however many tables there are; no table is read through but SQLite's whose primary key may be NULL. Throws `E_DATABASE`. */
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
