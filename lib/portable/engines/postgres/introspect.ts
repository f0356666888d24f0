/** Introspects PostgreSQL 12 and later, by pg_catalog: https://www.postgresql.org/docs/current/catalogs.html */
import * as z from "zod";
import type { Row, Session } from "../../engine/session.ts";
import type { Column, Kind, Schema } from "../../schema/tables.ts";
import { cells, given, SchemaDraft } from "../shared/schema-builder.ts";

/** The tables. Row estimates are the planner's, scaled to today's size; those of partitions count for their root. */
const TABLES = `
  with recursive part(oid, root) as (
    select oid, oid from pg_catalog.pg_class where relkind in ('r', 'p', 'f') and not relispartition
    union all
    select i.inhrelid, part.root from part
      join pg_catalog.pg_inherits i on i.inhparent = part.oid
      join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition),
  size(root, estimate) as (
    select part.root, sum(case when c.relkind <> 'r' then 0
        when c.relpages > 0 and c.reltuples >= 0
          then round(c.reltuples / c.relpages
            * (pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int))
        else pg_catalog.pg_relation_size(c.oid) / 32 end)
      from part join pg_catalog.pg_class c on c.oid = part.oid group by part.root)
  select c.oid, n.nspname, c.relname, size.estimate::bigint, c.relkind, c.relpersistence = 'u', c.relrowsecurity
  from size join pg_catalog.pg_class c on c.oid = size.root join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

/** The columns. A domain counts as its base type; the last of its base types is not a domain. */
const COLUMNS = `
  with recursive domain(oid, base, typmod, required, given) as (
    select oid, typbasetype, typtypmod, typnotnull, coalesce(typdefault !~ '^NULL(::|$)', false)
      from pg_catalog.pg_type where typtype = 'd'
    union all
        select d.oid, t.typbasetype, t.typtypmod, d.required or t.typnotnull,
        d.given or coalesce(t.typdefault !~ '^NULL(::|$)', false)
      from domain d join pg_catalog.pg_type t on t.oid = d.base and t.typtype = 'd'),
  base as (
    select d.* from domain d join pg_catalog.pg_type t on t.oid = d.base and t.typtype <> 'd'),
  owned as (
    select d.refobjid as attrelid, d.refobjsubid as attnum, min(d.objid) as sequence
      from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'S'
      where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
        and d.deptype in ('a', 'i') and d.refobjsubid > 0
      group by 1, 2),
  called as (
    select d.objid as attrdef, min(d.refobjid) as sequence
      from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind = 'S'
      where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      group by 1)
  select a.attrelid, a.attname, pg_catalog.format_type(t.oid, m.typmod) || repeat('[]', a.attndims - 1),
    a.attnotnull or coalesce(b.required, false),
    a.attgenerated <> '', a.attidentity,
    coalesce(e.expression !~ '^NULL(::|$)', b.given, false), def.counts,
    (select pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(s.relname)
      from pg_catalog.pg_class s
        join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
      where s.oid = coalesce(case when def.counts then c.sequence end, o.sequence)),
    case when tn.nspname = 'pg_catalog' then t.typname end, t.typtype, m.typmod,
    el.typtype, case when eln.nspname = 'pg_catalog' then el.typname end, el.oid is not null,
    case when con.nspname = 'pg_catalog' and co.collname !~ '[."]' then co.collname
      else pg_catalog.quote_ident(con.nspname) || '.' || pg_catalog.quote_ident(co.collname) end,
    case when t.typtype = 'e' then
      (select json_agg(l.enumlabel order by l.enumsortorder) from pg_catalog.pg_enum l where l.enumtypid = t.oid) end
  from pg_catalog.pg_attribute a
    join pg_catalog.pg_class r on r.oid = a.attrelid and r.relkind in ('r', 'p') and not r.relispartition
      and r.relpersistence <> 't'
    join pg_catalog.pg_namespace n on n.oid = r.relnamespace
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    left join base b on b.oid = a.atttypid
    join pg_catalog.pg_type t on t.oid = coalesce(b.base, a.atttypid)
    join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
    cross join lateral (select case when b.oid is null then a.atttypmod else b.typmod end as typmod) m
    left join pg_catalog.pg_type own on own.typarray = t.oid
    left join base eb on eb.oid = own.oid
    left join pg_catalog.pg_type el on el.oid = coalesce(eb.base, own.oid)
    left join pg_catalog.pg_namespace eln on eln.oid = el.typnamespace
    left join (select ad.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) as expression from pg_catalog.pg_attrdef ad) e
      on e.adrelid = a.attrelid and e.adnum = a.attnum
    cross join lateral (select e.expression ~ '^nextval\\(''([^'']|'''')*''::regclass\\)$' as counts) def
    left join owned o on o.attrelid = a.attrelid and o.attnum = a.attnum
    left join called c on c.attrdef = e.oid
    left join pg_catalog.pg_collation co on co.oid = a.attcollation
    left join pg_catalog.pg_namespace con on con.oid = co.collnamespace
  where a.attnum > 0 and not a.attisdropped
  order by a.attrelid, a.attnum`;

/**
 * Unique indexes. NULLS NOT DISTINCT came with version 15, WITHOUT OVERLAPS (an exclusion) with 18. Relations below
 * 16384 are the server's own.
 */
const KEYS = `
  select i.indrelid, c.relname, a.attname, i.indisprimary, k.oid is not null,
    coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false'), not i.indimmediate
  from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    cross join lateral generate_series(0, i.indnkeyatts - 1) as part(place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[part.place]
    left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
      and k.contype in ('p', 'u')
  where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and (i.indisprimary or not i.indisexclusion) and i.indrelid >= 16384
  order by i.indexrelid, part.place`;

/** The columns of checks, and of unique indexes that are partial or over expressions. */
const WATCHED = `
  select k.conrelid, a.attname from pg_catalog.pg_constraint k
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey) where k.contype = 'c'
  union
  select i.indrelid, a.attname from pg_catalog.pg_index i
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = i.indrelid
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
    where (i.indisunique or i.indisexclusion) and (i.indpred is not null or i.indexprs is not null)
  order by 1, 2`;

/** The foreign keys. Those that a partition inherits, or that reference a partition, have a parent and are excluded. */
const FOREIGN_KEYS = `
  select k.conrelid, k.conname, a.attname, k.confrelid, f.attname, k.condeferrable, k.convalidated,
    coalesce(to_jsonb(k) ->> 'conenforced', 'true'), k.confrelid::regclass
  from pg_catalog.pg_constraint k
    cross join lateral unnest(k.conkey, k.confkey) with ordinality as pair(own, other, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own
    join pg_catalog.pg_attribute f on f.attrelid = k.confrelid and f.attnum = pair.other
  where k.contype = 'f' and k.conparentid = 0
  order by k.oid, pair.place`;

const REMARKS = `
  select tgrelid, 'trigger', tgname, tgenabled from pg_catalog.pg_trigger where not tgisinternal
  union all
  select ev_class, 'rule', rulename, ev_enabled from pg_catalog.pg_rewrite where rulename <> '_RETURN'
  union all
  select i.inhparent, 'parent', i.inhrelid::regclass::text, 'O' from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'f') and not c.relispartition
  union all
  select i.inhrelid, 'child', i.inhparent::regclass::text, 'O' from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'f') and not c.relispartition`;

/** Objects that hold data but are not tables: large objects, and sequences that no column owns or calls. */
const LEFT = `
  select 'large', count(*)::text from pg_catalog.pg_largeobject_metadata having count(*) > 0
  union all
  select 'sequence', s.oid::regclass::text from pg_catalog.pg_class s
      join pg_catalog.pg_namespace n on n.oid = s.relnamespace
    where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
      and not exists (select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = s.oid and d.deptype in ('a', 'i', 'e'))
      and not exists (select from pg_catalog.pg_depend d
        where d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = s.oid
          and d.classid = 'pg_catalog.pg_attrdef'::regclass)
  order by 1, 2`;

const FIRES: Readonly<Record<string, string>> = { D: "disabled", R: "fires on replicas only", A: "fires always" };

export async function introspectPostgres(session: Session): Promise<Schema> {
  const draft = new SchemaDraft();
  for (const row of await session.rows(TABLES)) {
    const { text, number, flag } = cells(row);
    const [schema, name, kind] = [text(1), text(2), text(4)];
    const id = `${schema}.${name}`;
    if (kind === "f") {
      draft.note(`foreign table ${id}: left out`);
      continue;
    }
    const table = draft.add(text(0), { id, schema, name, estimatedRows: number(3) });
    if (kind === "p") table.partitioned = true;
    if (flag(5)) table.notes.push("unlogged: empty after a crash of the server");
    if (flag(6)) table.notes.push("row security: a user sees only the rows that its policies allow");
  }
  for (const row of await session.rows(COLUMNS)) draft.get(cells(row).text(0))?.columns.push(columnOf(row));
  const keys = (await session.rows(KEYS)).map((row) => {
    const { text, flag } = cells(row);
    const deferrable = flag(6) ? { deferrable: true } : {};
    const key = { table: text(0), name: text(1), column: text(2), primary: flag(3), constraint: flag(4) };
    return { ...key, nullsNotDistinct: flag(5), ...deferrable };
  });
  draft.addKeys(keys);
  for (const row of await session.rows(WATCHED)) draft.addWatched(cells(row).text(0), [cells(row).text(1)]);
  await addForeignKeys(session, draft);
  for (const row of await session.rows(REMARKS)) addRemark(draft, row);
  for (const row of await session.rows(LEFT)) {
    const { text } = cells(row);
    if (text(0) === "sequence") draft.note(`sequence ${text(1)}: left out`);
    else
      draft.note(
        `large objects (${text(1)}): left out; ` +
          "a column of type oid that references one has no target in another database",
      );
  }
  return draft.finish("postgresql", session);
}

async function addForeignKeys(session: Session, draft: SchemaDraft): Promise<void> {
  const names = new Map<string, string>();
  const unchecked = new Map<string, [table: string, note: string]>();
  const parts = (await session.rows(FOREIGN_KEYS)).map((row) => {
    const { text, flag } = cells(row);
    const [table, name] = [text(0), text(1)];
    names.set(text(3), text(8));
    if (!flag(7)) unchecked.set(`${table} ${name}`, [table, `foreign key ${name}: NOT ENFORCED`]);
    else if (!flag(6))
      unchecked.set(`${table} ${name}`, [table, `foreign key ${name}: NOT VALID, older rows may break it`]);
    return { table, name, column: text(2), target: text(3), targetColumn: text(4), deferrable: flag(5) };
  });
  draft.addForeignKeys(parts, (oid) => names.get(oid) ?? oid);
  for (const [table, note] of unchecked.values()) draft.get(table)?.notes.push(note);
}

function addRemark(draft: SchemaDraft, row: Row): void {
  const { text } = cells(row);
  const table = draft.get(text(0));
  if (table === undefined) return;
  const [kind, name, fires] = [text(1), text(2), FIRES[text(3)]];
  if (kind === "trigger") table.triggers.push(name);
  if (kind === "trigger" && fires !== undefined) table.notes.push(`trigger ${name}: ${fires}`);
  if (kind === "rule") table.notes.push(`rule ${name}: ${fires ?? "it may redirect writes to another table"}`);
  if (kind === "parent") table.notes.push(`inherited by ${name}, which is a table of its own`);
  if (kind === "child") table.notes.push(`inherits from ${name}, which is a table of its own`);
}

const KINDS: Readonly<Record<string, Kind>> = {
  int2: "integer",
  int4: "integer",
  int8: "integer",
  oid: "integer",
  numeric: "decimal",
  float4: "float4",
  float8: "float8",
  bool: "boolean",
  bit: "bits",
  text: "text",
  varchar: "text",
  bpchar: "text",
  name: "text",
  char: "text",
  uuid: "uuid",
  bytea: "bytes",
  json: "json",
  jsonb: "json",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "timestamptz",
  interval: "interval",
};
const LENGTHS: Readonly<Record<string, number>> = { int2: 16, int4: 32, int8: 64, oid: 32, name: 63, char: 1 };
const labelsSchema = z.array(z.string());

const kindOf = (type: string | null, typtype: string): Kind =>
  typtype === "e" ? "enum" : ((type === null ? undefined : KINDS[type]) ?? "native");

function columnOf(row: Row): Column {
  const { text, maybe, number, flag } = cells(row);
  const [type, modifier, isArray] = [maybe(9), number(11), flag(14)];
  const kind = isArray ? "array" : kindOf(type, text(10));
  const identity =
    { a: "always", d: "default" }[text(5)] ??
    (flag(7) && (kind === "integer" || kind === "decimal") ? "default" : undefined);
  const labels = maybe(16);
  return {
    name: text(1),
    kind,
    native: text(2),
    nullable: !flag(3),
    generated: flag(4),
    hasDefault: !flag(4) && (flag(6) || identity !== undefined),
    ...given({
      identity: identity === "always" || identity === "default" ? identity : undefined,
      sequence: maybe(8),
      unsigned: type === "oid",
      labels: kind === "enum" && labels !== null ? labelsSchema.parse(JSON.parse(labels)) : undefined,
      element: isArray ? kindOf(maybe(13), text(12)) : undefined,
      collation: kind === "text" ? maybe(15) : undefined,
      ...(isArray ? {} : sizeOf(type ?? "", kind, modifier)),
    }),
  };
}

/** Returns the size by the type's modifier, which is -1 if absent. */
function sizeOf(type: string, kind: Kind, modifier: number): Pick<Column, "length" | "precision" | "scale"> {
  const fixed = LENGTHS[type];
  if (fixed !== undefined) return { length: fixed };
  const isTime = ["time", "timestamp", "timestamptz", "interval"].includes(kind);
  if (modifier < 0) return isTime ? { precision: 6 } : {};
  if (kind === "text") return { length: modifier - 4 };
  if (kind === "bits") return { length: modifier };
  if (kind === "decimal") {
    const scale = (modifier - 4) & 0x7ff; // signed since version 15
    return { precision: ((modifier - 4) >> 16) & 0xffff, scale: scale >= 0x400 ? scale - 0x800 : scale };
  }
  if (!isTime) return {};
  const digits = modifier & 0xffff; // the upper half of an interval's modifier encodes its fields
  return { precision: digits === 0xffff ? 6 : digits };
}
