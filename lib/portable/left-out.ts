/** Tables that are no data of the application: sessions, caches, and what the framework writes of itself. Known by name and columns, never by name alone. */
import type { Schema, Table, TableId } from "./schema.ts";

interface Pattern {
  readonly name: RegExp;
  readonly columns: readonly string[];
  readonly why: string;
}

const PATTERNS: readonly Pattern[] = [
  { name: /^django_session$/, columns: ["session_key", "session_data", "expire_date"], why: "Django's sessions" },
  { name: /cache/, columns: ["cache_key", "value", "expires"], why: "Django's database cache" },
  { name: /^django_migrations$/, columns: ["app", "name", "applied"], why: "Django's migrations" },
  { name: /^thumbnail_kvstore$/, columns: ["key", "value"], why: "a cache of thumbnails" },
  { name: /^alembic_version$/, columns: ["version_num"], why: "Alembic's migrations" },
  { name: /^(schema_migrations|__diesel_schema_migrations)$/, columns: ["version"], why: "migrations" },
  { name: /^ar_internal_metadata$/, columns: ["key", "value"], why: "Rails's notes of itself" },
  { name: /^sessions$/, columns: ["id", "payload", "last_activity"], why: "Laravel's sessions" },
  { name: /^sessions$/, columns: ["session_id", "data"], why: "Rails's sessions" },
  { name: /^session$/, columns: ["sid", "sess", "expire"], why: "Express's sessions" },
  { name: /^cache(_locks)?$/, columns: ["key", "expiration"], why: "Laravel's cache" },
  { name: /^migrations$/, columns: ["migration", "batch"], why: "Laravel's migrations" },
  { name: /^migrations$/, columns: ["timestamp", "name"], why: "TypeORM's migrations" },
  { name: /^knex_migrations$/, columns: ["name", "batch"], why: "Knex's migrations" },
  { name: /^knex_migrations_lock$/, columns: ["is_locked"], why: "Knex's lock" },
  { name: /^flyway_schema_history$/, columns: ["installed_rank", "version"], why: "Flyway's migrations" },
  { name: /^databasechangelog$/i, columns: ["id", "author", "filename"], why: "Liquibase's migrations" },
  { name: /^databasechangeloglock$/i, columns: ["id", "locked"], why: "Liquibase's lock" },
  { name: /^_prisma_migrations$/, columns: ["migration_name", "finished_at"], why: "Prisma's migrations" },
  { name: /^__drizzle_migrations$/, columns: ["hash", "created_at"], why: "Drizzle's migrations" },
  { name: /^sequelizemeta$/i, columns: ["name"], why: "Sequelize's migrations" },
  { name: /^__efmigrationshistory$/i, columns: ["migrationid"], why: "Entity Framework's migrations" },
  { name: /^goose_db_version$/, columns: ["version_id", "is_applied"], why: "goose's migrations" },
  { name: /^_sqlx_migrations$/, columns: ["version", "description"], why: "sqlx's migrations" },
];

/** What is left out unless it is asked for, with the reason. A table that others point to is kept: its rows are needed. */
export function leftOut(schema: Schema): ReadonlyMap<TableId, string> {
  const wanted = new Set(
    schema.tables.flatMap(({ id, foreignKeys }) =>
      foreignKeys.flatMap(({ target }) => (target === id ? [] : [target])),
    ),
  );
  const found = new Map<TableId, string>();
  for (const table of schema.tables) {
    const pattern = PATTERNS.find((one) => matches(table, one));
    if (pattern !== undefined && !wanted.has(table.id)) found.set(table.id, pattern.why);
  }
  return found;
}

function matches({ name, columns }: Table, pattern: Pattern): boolean {
  const has = new Set(columns.map((column) => column.name.toLowerCase()));
  return pattern.name.test(name.toLowerCase()) && pattern.columns.every((column) => has.has(column));
}
