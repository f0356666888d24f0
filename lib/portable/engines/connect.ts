/** Opens a database for the portable engine. */
import { withPasswordApart } from "../../database/access/url.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import type { Connection } from "../engine/connection.ts";
import type { ConnectionMode } from "../engine/session.ts";
import { loadDriver } from "./registry.ts";

/**
 * Connects to a database; the caller closes the connection. Throws `E_CONFIG` for an invalid URL, and `E_DATABASE` if
 * the database does not answer or rejects the connection. If `signal` aborts, the running statement is cancelled and
 * the transaction rolled back.
 */
export async function connect(target: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection> {
  const clean = withPasswordApart(target);
  const driver = await loadDriver(describeUrl(clean.url).engine);
  return await driver.connect(clean, mode, signal);
}
