/** Reads the schema of a database from its catalogue. */
import type { Connection } from "../engine/connection.ts";
import type { Schema } from "../schema/tables.ts";

/** Returns the schema of a connected database. Throws `E_DATABASE`. See `PortableEngine.introspect`. */
export const introspect = async (connection: Connection): Promise<Schema> =>
  await connection.engine.introspect(connection);
