/** Inspects a PostgreSQL database for `doctor`. */
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { postgresCredentials, type Credentials } from "../access/credentials.ts";
import type { DatabaseInspector, Inspection } from "../inspection.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { PostgresAdmin, quote } from "./admin.ts";
import { findPostgresPrograms } from "./dump.ts";
import { PostgresSession } from "./session.ts";

/** Relations shown by name. */
const SHOWN = 5;

/**
 * Relations that pg_dump reads and this user may not: rows hidden by a policy count, since pg_dump turns policies off.
 * Extensions bring their own relations.
 */
const UNREADABLE = `
  select n.nspname as schema, c.relname as name from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_roles r on r.rolname = current_user
  where c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't'
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    and (not pg_catalog.has_schema_privilege(n.oid, 'usage')
      or not case c.relkind when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'select')
                            else pg_catalog.has_table_privilege(c.oid, 'select') end
      or c.relrowsecurity and not (r.rolbypassrls or r.rolsuper)
        and (c.relforcerowsecurity or not pg_catalog.pg_has_role(c.relowner, 'usage')))
  order by 1, 2`;

export const inspectPostgres: DatabaseInspector = {
  async programs(target, signal) {
    return await withSession(target, signal, async ({ opened: { version, major } }) => {
      try {
        const { dump, warnings } = await findPostgresPrograms(major, target.execPrefix, signal);
        const { stdout } = await runCommand([...dump, "--version"], { signal, code: "E_DUMP" });
        const figure = `PostgreSQL ${version}, pg_dump ${/\d[\d.]*/.exec(stdout)?.[0] ?? "?"}`;
        return { figure, faults: [], warnings, hint: `apt-get install postgresql-client-${major}` };
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== "E_DUMP") throw error;
        return { figure: `PostgreSQL ${version}`, faults: [error.message], warnings: [], hint: error.hint };
      }
    });
  },

  async dumpRights(target, signal) {
    return await withSession(target, signal, async (session) => {
      const rows = await session.query(UNREADABLE);
      const [row] = await session.query("select current_user as name");
      const user = String(row?.["name"]);
      const names = rows.map(({ schema, name }) => `${String(schema)}.${String(name)}`);
      const shown =
        names.slice(0, SHOWN).join(", ") + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "");
      return {
        figure: `as ${user}`,
        faults: names.length === 0 ? [] : [`${user} may not read ${shown}`],
        warnings: [],
        hint: `as an administrator: grant pg_read_all_data to ${quote(user)}`,
      };
    });
  },

  async restoreRights(target, signal) {
    return await withCredentials(target, signal, async (credentials): Promise<Inspection> => {
      const { server } = await PostgresAdmin.open(target, credentials, signal);
      return {
        figure: `as ${server.user}`,
        faults: [],
        warnings: server.createdb ? [] : [`${server.user} may not create databases`],
        hint: `as an administrator: alter role ${quote(server.user)} createdb`,
      };
    });
  },
};

async function withSession(
  target: DatabaseTarget,
  signal: AbortSignal,
  inspect: (session: PostgresSession) => Promise<Inspection>,
): Promise<Inspection> {
  return await withCredentials(target, signal, async (credentials) => {
    const session = await PostgresSession.open(target, credentials, signal);
    try {
      return await inspect(session);
    } finally {
      await session.close();
    }
  });
}

async function withCredentials(
  target: DatabaseTarget,
  signal: AbortSignal,
  inspect: (credentials: Credentials) => Promise<Inspection>,
): Promise<Inspection> {
  const credentials = postgresCredentials(target, signal);
  try {
    return await inspect(credentials);
  } finally {
    credentials.remove();
  }
}
