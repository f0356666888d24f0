/** The commands by which PostgreSQL's own programs load a dump. */
import * as z from "zod";
import type { UnitMetadata } from "../../model/unit.ts";
import { shellQuote } from "../../report/shell.ts";

const recordSchema = z.object({ encoding: z.string().optional(), search_path: z.array(z.string()).default([]) });

/**
 * Returns the commands for the dump in `file`, both words of the shell. `pg_restore` alone searches no schema;
 * functions and queries in texts may need those that the backup's session searched.
 */
export function postgresCommands(metadata: UnitMetadata, database: string, file: string): string[] {
  const name = shellQuote(database);
  const { encoding = "UTF8", search_path } = recordSchema.parse(metadata);
  const create =
    encoding === "UTF8" ? `createdb ${name}` : `createdb -T template0 -E ${shellQuote(encoding)} --locale=C ${name}`;
  if (search_path.length === 0) return [create, `pg_restore --exit-on-error --no-owner -d ${name} ${file}`];
  const schemas = search_path.map((schema) => `"${schema.replaceAll('"', '""')}"`).join(", ");
  const escaped = schemas.replaceAll(/[\\/&]/g, "\\$&");
  const edit = `1,40s/^SELECT pg_catalog.set_config(.search_path.*$/SET search_path = ${escaped};/`;
  const quoted = edit.includes("'") ? shellQuote(edit) : `'${edit}'`;
  return [
    create,
    `pg_restore --no-owner -f - ${file} | sed ${quoted} | psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d ${name}`,
  ];
}
