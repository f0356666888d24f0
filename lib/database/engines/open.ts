/** Opens the database that a URL names. */
import { withPasswordApart } from "../access/url.ts";
import type { DatabaseRestorer } from "../restorer.ts";
import type { DatabaseSnapshot, DatabaseTarget } from "../snapshot.ts";
import { engineOfUrl } from "./registry.ts";

/**
 * Opens a snapshot, which the caller closes. Throws `E_CONFIG` for an invalid URL, `E_DATABASE` if the database does
 * not answer or rejects the connection, `E_SQLITE` for a file that is not a database. If `signal` aborts, all its
 * programs and temporary files are removed.
 */
export async function openSnapshot(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const clean = withPasswordApart(target);
  return await engineOfUrl(clean.url).openSnapshot(clean, signal);
}

/**
 * Opens a restorer, which the caller closes. Throws `E_CONFIG` for an invalid URL, `E_DATABASE` if the server does not
 * answer.
 */
export async function openRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer> {
  const clean = withPasswordApart(target);
  return await engineOfUrl(clean.url).openRestorer(clean, signal);
}
