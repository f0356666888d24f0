/** The database and the config that a verb works on. */
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import { splitPassword } from "../../database/access/url.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ConnectionMode } from "../../portable/engine/session.ts";
import { connect } from "../../portable/engines/connect.ts";
import { databases } from "../../steps/db/databases.ts";
import { lastValue } from "../core/arguments.ts";
import type { CommandFrame } from "../core/run-command.ts";
import { requireSiteConfig } from "../core/site-config.ts";

type Given = string | string[] | undefined;

export interface DatabaseFlags {
  readonly config?: Given;
  readonly database?: Given;
}

/** Returns the given config, or the one that the database is taken from; undefined if only a database is given. */
export function configOf(flags: DatabaseFlags): SiteConfig | undefined {
  const named = lastValue(flags.config);
  if (named === undefined && givenUrl(flags) !== undefined) return undefined;
  return requireSiteConfig(named);
}

const givenUrl = (flags: DatabaseFlags): string | undefined =>
  lastValue(flags.database) ?? (lastValue(flags.config) === undefined ? process.env["DATABASE_URL"] : undefined);

/** Runs `work` with a connection to the database of the flags, and closes it. */
export async function withConnection<T>(
  flags: DatabaseFlags,
  mode: ConnectionMode,
  { signal }: CommandFrame,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(await targetOf(flags, signal), mode, signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/**
 * Returns the database of `--database`, else the environment's, else the config's first. A relative SQLite path is
 * relative to the working directory, or to the site for the config's.
 */
export async function targetOf(flags: DatabaseFlags, signal: AbortSignal): Promise<DatabaseTarget> {
  const given = givenUrl(flags);
  if (given !== undefined) return { ...splitPassword(given), execPrefix: [], root: process.cwd() };
  const config = configOf(flags);
  const [first] = config === undefined ? [] : databases(config);
  if (config === undefined || first === undefined)
    throw new HoldfastError("E_USAGE", "no database given", { hint: "add --database URL" });
  if (config.exec_prefix.length > 0)
    throw new HoldfastError(
      "E_CONFIG",
      "portable needs a direct connection to the database; exec_prefix is not supported",
      { hint: "add --database with a URL that is reachable from this host" },
    );
  const password = await databasePassword(config, first.settings, signal);
  return {
    url: first.settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
}
