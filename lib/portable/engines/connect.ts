/** Opens a database for the portable engine, through its driver; each driver is loaded only where it is used. */
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { describeUrl, withPasswordApart } from "../../database/access/url.ts";
import type { Connection, ConnectionMode } from "../connection.ts";

/**
 * The caller closes it. Throws `E_CONFIG` for a URL that is not understood, `E_DATABASE` when the database does not answer or refuses. When `signal`
 * aborts, a statement at work is cancelled and what was begun is rolled back.
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
