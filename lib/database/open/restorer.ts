/** The way in to a restore: the restorer of whichever engine a URL names. */
import type { DatabaseTarget } from "../snapshot.ts";
import { openMysqlRestorer } from "../mysql/restore/restorer.ts";
import { openPostgresRestorer } from "../postgres/restore/restorer.ts";
import type { DatabaseRestorer } from "../restorer.ts";
import { openSqliteRestorer } from "../sqlite/restorer.ts";
import { describeUrl, withPasswordApart } from "../access/url.ts";

/**
 * Opens a restorer, which the caller closes. Throws `E_CONFIG` for a URL that is not understood, `E_DATABASE` when the
 * server does not answer.
 */
export async function openRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer> {
  const clean = withPasswordApart(target);
  const location = describeUrl(clean.url);
  switch (location.engine) {
    case "postgresql":
      return await openPostgresRestorer(clean, signal);
    case "mysql":
    case "mariadb":
      return await openMysqlRestorer(clean, location, signal);
    case "sqlite":
      return await openSqliteRestorer(clean, location, signal);
  }
}
