/** PostgreSQL, by psql, pg_dump and pg_restore. */
import * as z from "zod";
import { HoldfastError } from "../errors.ts";
import { DEFAULT_EXACT_ROWS, firstDifference, mergeCounts, withDumped, withinBudget } from "./counts.ts";
import { postgresCredentials, type Credentials } from "./credentials.ts";
import type { DatabaseFacts, DatabaseSnapshot, DatabaseTarget, DumpResult, TableCount } from "./engine.ts";
import { readMigrations } from "./migrations.ts";
import { digestPostgres } from "./postgres-digest.ts";
import { dumpPostgres, findPostgresPrograms } from "./postgres-dump.ts";
import { PostgresSession } from "./postgres-session.ts";

/** A relation of the user's own. Partitions carry the key of the table that they are a part of. */
const relationSchema = z.object({
  key: z.string(),
  estimate: z.number(),
  schema: z.string(),
  name: z.string(),
  owner: z.string(),
  /** `r` ordinary, `p` partitioned, `f` foreign. */
  kind: z.string(),
});
type Relation = z.infer<typeof relationSchema>;

const columnsSchema = z.object({ schema: z.string(), name: z.string(), columns: z.array(z.string()) });

/** Tables of extensions come back with the extension; an estimate is scaled to today's size as the planner does it. */
const RELATIONS = `
  with recursive part(oid, root) as (
    select oid, oid from pg_catalog.pg_class where relkind in ('r', 'p', 'f') and not relispartition
    union all
    select i.inhrelid, part.root from part
      join pg_catalog.pg_inherits i on i.inhparent = part.oid
      join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition and c.relkind in ('r', 'p', 'f'))
  select rn.nspname || '.' || r.relname as key, n.nspname as schema, c.relname as name, c.relkind as kind,
    pg_catalog.pg_get_userbyid(c.relowner) as owner,
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
  order by 1, 2, 3`;

/** How many tables one counting query takes. */
const TABLES_AT_ONCE = 100;

/** Opens a snapshot. Throws `E_DATABASE` when there is no server, no right or no such database. */
export async function openPostgres(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const ours = new AbortController();
  const either = AbortSignal.any([signal, ours.signal]);
  const credentials = postgresCredentials(target, either);
  try {
    const session = await PostgresSession.open(target, credentials, either);
    const relations = await session.query(RELATIONS);
    return new PostgresSnapshot(
      target,
      credentials,
      session,
      relations.map((row) => relationSchema.parse(row)),
      { signal, end: () => ours.abort() },
    );
  } catch (error) {
    ours.abort();
    credentials.remove();
    throw error;
  }
}

class PostgresSnapshot implements DatabaseSnapshot {
  readonly engine = "postgresql";
  readonly extension = ".dump";
  readonly #target: DatabaseTarget;
  readonly #credentials: Credentials;
  readonly #session: PostgresSession;
  readonly #relations: readonly Relation[];
  readonly #life: { readonly signal: AbortSignal; end(): void };
  #counts: Map<string, TableCount> | undefined;
  #dumped: ReadonlyMap<string, number> | undefined;

  constructor(
    target: DatabaseTarget,
    credentials: Credentials,
    session: PostgresSession,
    relations: readonly Relation[],
    life: { readonly signal: AbortSignal; end(): void },
  ) {
    this.#target = target;
    this.#credentials = credentials;
    this.#session = session;
    this.#relations = relations;
    this.#life = life;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    return await this.#session.query(sql);
  }

  async facts(budget: { readonly exactRows: number }): Promise<DatabaseFacts> {
    const counts = await this.#count(budget.exactRows);
    const extensions = await this.query(
      "select extname as name, extversion as version from pg_catalog.pg_extension order by 1",
    );
    return {
      engine: this.engine,
      server_version: this.#session.opened.version,
      database_size: this.#session.opened.size,
      tables: withDumped(counts, this.#dumped),
      migrations: await readMigrations({
        columnsOf: async (names) => await this.#columnsOf(names),
        query: async (sql) => await this.query(sql),
        quote,
      }),
      extensions: Object.fromEntries(extensions.map(({ name, version }) => [String(name), String(version)])),
      snapshot_at: this.#session.opened.at,
    };
  }

  async digests(): Promise<Readonly<Record<string, string>>> {
    const digests: Record<string, string> = {};
    for (const { key, schema, name, kind } of this.#relations) {
      // Rows of partitions are those of the table that they are a part of.
      if (kind === "f" || key !== `${schema}.${name}`) continue;
      digests[key] = await digestPostgres(this.#session, { schema, name, partitioned: kind === "p" });
    }
    return digests;
  }

  async dump(path: string, onBytes: (bytes: number) => void): Promise<DumpResult> {
    const { signal } = this.#life;
    const tables = this.#relations.filter(({ kind }) => kind !== "f");
    if (tables.length === 0) {
      throw new HoldfastError("E_DUMP", "the database holds no table", {
        hint: "check the name of the database in database.url",
      });
    }
    const programs = await findPostgresPrograms(this.#session.opened.major, this.#target.execPrefix, signal);
    const counts = await this.#count(DEFAULT_EXACT_ROWS);
    const check = (rows: ReadonlyMap<string, number>): void => {
      const dumped = this.#byKey(rows);
      const difference = firstDifference(counts, dumped);
      if (difference !== undefined) throw new HoldfastError("E_DUMP", difference);
      this.#dumped = dumped;
    };
    const result = await dumpPostgres(
      {
        target: this.#target,
        credentials: this.#credentials,
        programs,
        snapshot: this.#session.opened.snapshot,
        tables: tables.map(({ schema, name, owner, kind }) => ({ schema, name, owner, stored: kind === "r" })),
        check,
      },
      path,
      onBytes,
      signal,
    );
    const foreign = this.#relations.filter(({ kind }) => kind === "f");
    const warnings = foreign.map(
      ({ schema, name }) => `the rows of the foreign table ${schema}.${name} are not in the dump`,
    );
    return { ...result, warnings: [...result.warnings, ...warnings] };
  }

  async close(): Promise<void> {
    await this.#session.close();
    this.#life.end();
    this.#credentials.remove();
  }

  /** Counts once; every later caller gets the same figures. */
  async #count(exactRows: number): Promise<Map<string, TableCount>> {
    if (this.#counts !== undefined) return this.#counts;
    const tables = this.#relations.filter(({ kind }) => kind === "r");
    const exact = withinBudget(tables, exactRows);
    const counted = new Map<Relation, number>();
    for (let start = 0; start < exact.length; start += TABLES_AT_ONCE) {
      const some = exact.slice(start, start + TABLES_AT_ONCE);
      const selects = some.map(
        ({ schema, name }, index) => `select ${index} as i, count(*) as n from only ${quote(schema)}.${quote(name)}`,
      );
      for (const { i, n } of await this.query(selects.join(" union all "))) {
        const table = some[Number(i)];
        if (table !== undefined) counted.set(table, Number(n));
      }
    }
    // A partitioned table without partitions has no rows and is a table all the same.
    const roots = this.#relations.filter(({ key, kind, schema, name }) => kind === "p" && key === `${schema}.${name}`);
    for (const root of roots) counted.set(root, 0);
    this.#counts = mergeCounts([...roots, ...tables], counted);
    return this.#counts;
  }

  /** The dump's rows, those of partitions under the table that they are a part of. */
  #byKey(rows: ReadonlyMap<string, number>): Map<string, number> {
    const result = new Map<string, number>();
    for (const { key, schema, name } of this.#relations) {
      result.set(key, (result.get(key) ?? 0) + (rows.get(`${schema}.${name}`) ?? 0));
    }
    return result;
  }

  async #columnsOf(names: readonly string[]) {
    const wanted = names.map((name) => `'${name}'`).join(", ");
    const rows = await this.query(
      `select n.nspname as schema, c.relname as name, json_agg(a.attname order by a.attnum) as columns
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relkind = 'r' and lower(c.relname) in (${wanted}) and n.nspname !~ '^pg_'
       group by 1, 2 order by n.nspname <> 'public', 1, 2`,
    );
    return rows.map((row) => {
      const { schema, name, columns } = columnsSchema.parse(row);
      return { name, from: `${quote(schema)}.${quote(name)}`, columns };
    });
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
