/** The relations of a PostgreSQL database that hold the site's own rows. */
import * as z from "zod";
import { decodeName, isTypable } from "./encoding.ts";
import type { PostgresSession } from "./session.ts";

/** A relation of the user's own. Partitions carry the key of the table that they are a part of. */
export interface Relation {
  readonly key: string;
  readonly estimate: number;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  /** `r` ordinary, `p` partitioned, `f` foreign. */
  readonly kind: string;
  /** False for a name whose bytes no query of ours can write (SQL_ASCII databases). */
  readonly typable: boolean;
}

const rowSchema = z.object({
  root_schema: z.string(),
  root_name: z.string(),
  schema: z.string(),
  name: z.string(),
  owner: z.string(),
  kind: z.string(),
  estimate: z.number(),
});

/** Names in hexadecimal, in the encoding of the database: a client cannot convert all of them. */
const bytes = (name: string): string =>
  `pg_catalog.encode(pg_catalog.convert_to(${name}::text, pg_catalog.getdatabaseencoding()), 'hex')`;

/** Tables of extensions come back with the extension; an estimate is scaled to today's size as the planner does it. */
const RELATIONS = `
  with recursive part(oid, root) as (
    select oid, oid from pg_catalog.pg_class where relkind in ('r', 'p', 'f') and not relispartition
    union all
    select i.inhrelid, part.root from part
      join pg_catalog.pg_inherits i on i.inhparent = part.oid
      join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition and c.relkind in ('r', 'p', 'f'))
  select ${bytes("rn.nspname")} as root_schema, ${bytes("r.relname")} as root_name, ${bytes("n.nspname")} as schema,
    ${bytes("c.relname")} as name, c.relkind as kind, ${bytes("pg_catalog.pg_get_userbyid(c.relowner)")} as owner,
    case when c.relkind <> 'r' then 0
      when c.relpages > 0 and c.reltuples >= 0
        then round(c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int))::bigint
      else pg_catalog.pg_relation_size(c.oid) / 32 end as estimate
  from part
    join pg_catalog.pg_class c on c.oid = part.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class r on r.oid = part.root join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
  where c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by rn.nspname, r.relname, n.nspname, c.relname`;

/** Returns all tables, partitions and foreign tables, without temporary tables and those of extensions. */
export async function readRelations(session: PostgresSession): Promise<Relation[]> {
  const { encoding } = session.opened;
  const name = (hex: string): string => decodeName(Buffer.from(hex, "hex").toString("latin1"), encoding);
  return (await session.query(RELATIONS)).map((found) => {
    const row = rowSchema.parse(found);
    const raw = Buffer.from(row.schema + row.name, "hex").toString("latin1");
    return {
      key: `${name(row.root_schema)}.${name(row.root_name)}`,
      estimate: row.estimate,
      schema: name(row.schema),
      name: name(row.name),
      owner: name(row.owner),
      kind: row.kind,
      typable: isTypable(raw, encoding),
    };
  });
}

/** A relation in a query. */
export const qualified = ({ schema, name }: Pick<Relation, "schema" | "name">): string =>
  `${quoteName(schema)}.${quoteName(name)}`;

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
