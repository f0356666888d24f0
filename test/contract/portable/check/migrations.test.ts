/** The migration tables of every known tool, as each engine holds them, through the connections of the portable engine. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { migrationsOf } from "../../../../lib/portable/plan/applied-migrations.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { on, useEngines } from "../../../support/portable/engines.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const engines = useEngines();
const directory = suiteDirectory("holdfast-migrations-");

/** `"name"` is quoted as the engine wants it. */
const TOOLS: readonly (readonly [tool: string, sql: string, applied: readonly string[]])[] = [
  [
    "Django",
    `create table django_migrations (id integer primary key, app varchar(255) not null, name varchar(255) not null, applied varchar(40));
     insert into django_migrations values (1, 'library', '0001_initial', null), (2, 'auth', '0001_initial', null), (3, 'library', '0002_more', null)`,
    ["auth.0001_initial", "library.0001_initial", "library.0002_more"],
  ],
  [
    "Alembic",
    "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('b2'), ('a1')",
    ["a1", "b2"],
  ],
  [
    "Rails",
    "create table schema_migrations (version varchar(255) primary key); insert into schema_migrations values ('20260102000000'), ('9')",
    ["9", "20260102000000"],
  ],
  [
    "Laravel",
    "create table migrations (id integer primary key, migration varchar(255), batch integer); insert into migrations values (1, '2026_b', 1), (2, '2025_a', 2)",
    ["2025_a", "2026_b"],
  ],
  [
    "Flyway",
    `create table flyway_schema_history (installed_rank integer primary key, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum integer, success boolean not null);
     insert into flyway_schema_history values (0, null, '<< Flyway Schema Creation >>', 'SCHEMA', '<< Flyway Schema Creation >>', null, true),
       (1, '1.10', '', 'SQL', 'V1.10.sql', 1, true), (2, '1.2', '', 'SQL', 'V1.2.sql', 1, true),
       (3, null, '', 'SQL', 'R__views.sql', 1, true), (4, null, '', 'SQL', 'R__views.sql', 2, true)`,
    ["1.2", "1.10", "R__views.sql"],
  ],
  [
    "Liquibase",
    `create table "DATABASECHANGELOG" ("ID" varchar(255), "AUTHOR" varchar(255), "FILENAME" varchar(255), "DATEEXECUTED" varchar(40), "ORDEREXECUTED" integer);
     insert into "DATABASECHANGELOG" values ('2', 'ann', 'log.xml', null, 2), ('1', 'ann', 'log.xml', null, 1)`,
    ["log.xml::1::ann", "log.xml::2::ann"],
  ],
  [
    "Prisma",
    `create table _prisma_migrations (id varchar(36) primary key, migration_name varchar(255), finished_at timestamp null, rolled_back_at timestamp null);
     insert into _prisma_migrations values ('a', '2025_one', '2025-01-01 00:00:00', null), ('b', '2025_two', null, '2025-01-02 00:00:00'), ('c', '2025_three', '2025-01-03 00:00:00', null)`,
    ["2025_one", "2025_three"],
  ],
  [
    "Knex",
    "create table knex_migrations (id integer primary key, name varchar(255), batch integer); insert into knex_migrations values (1, 'b.js', 1), (2, 'a.js', 1)",
    ["a.js", "b.js"],
  ],
  [
    "TypeORM",
    `create table migrations (id integer primary key, "timestamp" bigint not null, name varchar(255) not null); insert into migrations values (1, 1700000000001, 'Later'), (2, 1600000000001, 'Sooner')`,
    ["Sooner", "Later"],
  ],
  [
    "Drizzle",
    "create table __drizzle_migrations (id integer primary key, hash varchar(64) not null, created_at bigint); insert into __drizzle_migrations values (1, 'bb', 2000000000000), (2, 'aa', 1000000000000)",
    ["aa", "bb"],
  ],
  [
    "Sequelize",
    `create table "SequelizeMeta" (name varchar(255) primary key); insert into "SequelizeMeta" values ('2.js'), ('1.js')`,
    ["1.js", "2.js"],
  ],
  [
    "EF Core",
    `create table "__EFMigrationsHistory" ("MigrationId" varchar(150) primary key, "ProductVersion" varchar(32)); insert into "__EFMigrationsHistory" values ('2026_B', '8'), ('2025_A', '8')`,
    ["2025_A", "2026_B"],
  ],
  [
    "Ecto",
    "create table schema_migrations (version bigint primary key, inserted_at timestamp null); insert into schema_migrations values (20260102000000, null), (20250102000000, null)",
    ["20250102000000", "20260102000000"],
  ],
  [
    "goose",
    `create table goose_db_version (id integer primary key, version_id bigint not null, is_applied boolean not null);
     insert into goose_db_version values (1, 0, true), (2, 1, true), (3, 10, true), (4, 2, true), (5, 2, false)`,
    ["0", "1", "10"],
  ],
  [
    "golang-migrate",
    "create table schema_migrations (version bigint not null primary key, dirty boolean not null); insert into schema_migrations values (12, false)",
    ["12"],
  ],
  [
    "Diesel",
    "create table __diesel_schema_migrations (version varchar(50) primary key, run_on timestamp null); insert into __diesel_schema_migrations values ('b', null), ('a', null)",
    ["a", "b"],
  ],
  [
    "sqlx",
    "create table _sqlx_migrations (version bigint primary key, description varchar(50), success boolean not null); insert into _sqlx_migrations values (10, '', true), (9, '', true)",
    ["9", "10"],
  ],
];

const quoted = (name: string, sql: string): string => (name === "MariaDB" ? sql.replaceAll('"', "`") : sql);

describe.each(["PostgreSQL", "MariaDB", "SQLite"])("on %s", (name) => {
  test.each(TOOLS)("%s", async (tool, sql, applied) => {
    const url = await engines.of(name).make(quoted(name, sql));
    expect(await on(url, "read", async (one) => await migrationsOf(one, await one.engine.introspect(one)))).toEqual({
      tool,
      applied,
    });
  });

  test.each([
    ["Flyway", "update flyway_schema_history set success = false where version = '1.10'", "1.10 (failed)"],
    ["golang-migrate", "update schema_migrations set dirty = true", "12 (dirty)"],
    ["sqlx", "update _sqlx_migrations set success = false where version = 10", "10 (failed)"],
  ])("a %s migration that broke off: nothing is exported, exit 14", async (tool, broken, said) => {
    const [, sql = ""] = TOOLS.find(([one]) => one === tool) ?? [];
    const url = await engines.of(name).make(`${quoted(name, sql)}; ${broken}`);
    const output = join(directory, `${name}-${tool}`);
    const { code, stderr } = await runInProcess("portable", ["export", "--database", url, "-o", output]);
    expect({ code, stderr }).toEqual({
      code: 14,
      stderr: expect.stringContaining(`a ${tool} migration is incomplete in this database: ${said}`) as string,
    });
  });
});
