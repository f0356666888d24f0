/** Prepares a private server for a dump. */
import { quote, type PostgresAdmin } from "../admin.ts";
import type { Archive } from "../archive-list.ts";
import { grantersOf, rolesOf } from "./roles.ts";

/**
 * Creates the roles that a dump names and the server lacks: owners, those of grants, policies and settings. None of
 * them can log in.
 */
export async function createRoles(admin: PostgresAdmin, archive: Archive): Promise<void> {
  const statements = archive.entries.flatMap((entry) => entry.statements);
  const named = new Set([...archive.owners, ...statements.flatMap(rolesOf), ...statements.flatMap(grantersOf)]);
  const rows = await admin.query("select rolname as name from pg_catalog.pg_roles");
  const known = new Set(rows.map(({ name }) => String(name)));
  const missing = [...named].filter((name) => !known.has(name) && !name.startsWith("pg_")); // those are the server's own
  if (missing.length > 0) await admin.run(missing.map((name) => `create role ${quote(name)} nologin;`).join("\n"));
}
