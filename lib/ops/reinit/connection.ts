/** The database of a reinit and its rules, from the config. */
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../../portable/engines/connect.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ConnectionMode } from "../../portable/engine/session.ts";
import type { ReinitRules } from "../../portable/reinit/plan.ts";
import { databases, type NamedDatabase } from "../../steps/db/databases.ts";

/**
 * Returns the first database of the config. Throws `E_CONFIG` if there is none, or it is reached through `exec_prefix`.
 */
export function databaseOf(config: SiteConfig): NamedDatabase {
  const [first] = databases(config);
  if (first === undefined)
    throw new HoldfastError("E_CONFIG", "the config has no database", { hint: "add it under database" });
  if (config.exec_prefix.length > 0)
    throw new HoldfastError("E_CONFIG", "a reinit needs a direct connection to the database, not exec_prefix", {
      hint: "run it on a host that can reach the database",
    });
  return first;
}

export const rulesOf = ({ portable }: SiteConfig): ReinitRules => ({
  keys: portable?.keys ?? {},
  keep: portable?.reinit?.keep ?? [],
  keepRows: portable?.reinit?.keep_rows ?? {},
  foreignKeys: portable?.foreign_keys ?? {},
});

/** Opens a connection to the database for the duration of `work`. */
export async function using<T>(
  config: SiteConfig,
  { settings }: NamedDatabase,
  mode: ConnectionMode,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const password = await databasePassword(config, settings, signal);
  const target: DatabaseTarget = {
    url: settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
  const connection = await connect(target, mode, signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
