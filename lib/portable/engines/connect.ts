/** Opens a database for the portable engine. Each driver is loaded only when it is used. */
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { describeUrl, withPasswordApart } from "../../database/access/url.ts";
import type { Connection, ConnectionMode } from "../connection.ts";

/**
 * Connects to a database; the caller closes the connection. Throws `E_CONFIG` for an invalid URL, and `E_DATABASE` if
 * the database does not answer or rejects the connection. If `signal` aborts, the running statement is cancelled and
 * the transaction rolled back.
 */
export async function connect(target: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection> {
  const clean = withPasswordApart(target);
  const location = describeUrl(clean.url);
  switch (location.engine) {
    case "postgresql": {
      const { connectPostgres } = await import("./postgres/connection.ts");
      return await connectPostgres(clean, mode, signal);
    }
    case "mysql":
    case "mariadb": {
      const { connectMysql } = await import("./mysql/connection.ts");
      return await connectMysql(clean, location, mode, signal);
    }
    case "sqlite": {
      const { connectSqlite } = await import("./sqlite/connection.ts");
      return await connectSqlite(clean, location, mode, signal);
    }
  }
}
