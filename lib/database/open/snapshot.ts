/** The way in: one snapshot of whichever database a URL names. */
import type { DatabaseSnapshot, DatabaseTarget } from "../snapshot.ts";
import { openMysql } from "../mysql/snapshot.ts";
import { openPostgres } from "../postgres/snapshot.ts";
import { openSqlite } from "../sqlite/snapshot.ts";
import { describeUrl, withPasswordApart } from "../access/url.ts";

export { locateSqlite } from "../sqlite/snapshot.ts";
export { describeUrl, splitPassword, urlWithDatabase } from "../access/url.ts";

/**
 * Opens one moment of a database. The caller closes it. Throws `E_CONFIG` for a URL that is not understood,
 * `E_DATABASE` when the database does not answer or refuses, `E_SQLITE` for a file that is none. When `signal` aborts,
 * every program and temporary file goes.
 */
export async function openSnapshot(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const clean = withPasswordApart(target);
  const location = describeUrl(clean.url);
  switch (location.engine) {
    case "postgresql":
      return await openPostgres(clean, signal);
    case "mysql":
    case "mariadb":
      return await openMysql(clean, location, signal);
    case "sqlite":
      return await openSqlite(clean, location, signal);
  }
}
