/** PostgreSQL, by psql, pg_dump and pg_restore. */
import * as z from "zod";
import type { Seal } from "../../model/seal.ts";
import { HoldfastError } from "../../errors.ts";
import { DEFAULT_EXACT_ROWS, firstDifference, mergeCounts, withDumped, withinBudget } from "../row-counts.ts";
import { postgresCredentials, type Credentials } from "../access/credentials.ts";
import type {
  DatabaseFacts,
  DatabaseSnapshot,
  DatabaseTarget,
  DumpResult,
  TableCount,
  TableDigests,
} from "../snapshot.ts";
import { digestEach } from "../facts-digest.ts";
import { tryMigrations } from "../migrations.ts";
import { digestPostgres } from "./digest.ts";
import { countRows } from "./row-counts.ts";
import { dumpPostgres, findPostgresPrograms } from "./dump.ts";
import { qualified, quoteName, readRelations, type Relation } from "./relations.ts";
import { PostgresSession } from "./session.ts";

const columnsSchema = z.object({ schema: z.string(), name: z.string(), columns: z.array(z.string()) });

/** Opens a snapshot. Throws `E_DATABASE` when there is no server, no right or no such database. */
export async function openPostgres(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot> {
  const ours = new AbortController();
  const either = AbortSignal.any([signal, ours.signal]);
  const credentials = postgresCredentials(target, either);
  try {
    const session = await PostgresSession.open(target, credentials, either);
    const relations = await readRelations(session);
    return new PostgresSnapshot(target, credentials, session, relations, { signal, end: () => ours.abort() });
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
  readonly #warnings: string[] = [];
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
      migrations: await tryMigrations(
        {
          columnsOf: async (names) => await this.#columnsOf(names),
          query: async (sql) => await this.query(sql),
          quote: quoteName,
        },
        this.#warnings,
      ),
      extensions: Object.fromEntries(extensions.map(({ name, version }) => [String(name), String(version)])),
      snapshot_at: this.#session.opened.at,
      encoding: this.#session.opened.encoding,
      search_path: this.#session.opened.schemas ?? [],
    };
  }

  async digests(): Promise<TableDigests> {
    // Rows of partitions are those of the table that they are a part of.
    const tables = this.#relations.filter(
      ({ key, schema, name, kind, typable }) => kind !== "f" && typable && key === `${schema}.${name}`,
    );
    return await digestEach(tables, async (table) => await digestPostgres(this.#session, table));
  }

  async dump(path: string, onBytes: (bytes: number) => void, seal?: Seal): Promise<DumpResult> {
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
      { onBytes, seal, signal },
    );
    const foreign = this.#relations.filter(({ kind }) => kind === "f");
    const warnings = foreign.map(
      ({ schema, name }) => `the rows of the foreign table ${schema}.${name} are not in the dump`,
    );
    const unread = await unreadMappings(this.#session);
    return { ...result, warnings: [...result.warnings, ...this.#warnings, ...warnings, ...unread] };
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
    const { rows, warnings } = await countRows(this.#session, exact);
    this.#warnings.push(...warnings);
    const counted = new Map(rows);
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
      return { name, from: qualified({ schema, name }), columns };
    });
  }
}

/**
 * Passwords of user mappings that this user may not see: pg_dump writes the mappings without them, and says nothing.
 */
async function unreadMappings(session: PostgresSession): Promise<string[]> {
  const rows = await session.query(`
    select srvname as server, usename as role from pg_catalog.pg_user_mappings
    where umoptions is null and umuser <> 0 and usename <> current_user
      and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)`);
  return rows.map(
    ({ server, role }) =>
      `the options of the user mapping of ${String(role)} for the server ${String(server)} are not in the dump: the backup user may not read them`,
  );
}
