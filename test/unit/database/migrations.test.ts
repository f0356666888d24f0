import { describe, expect, test } from "vitest";
import { readMigrations, type MigrationSource } from "../../../lib/database/migrations.ts";

type Table = { name: string; rows: Record<string, unknown>[] };

/** A database that holds these tables, and answers as the engines do. */
function holding(...tables: Table[]): MigrationSource {
  return {
    columnsOf: async (names) =>
      tables
        .filter(({ name }) => names.includes(name.toLowerCase()))
        .map(({ name, rows }) => ({ name, from: `[${name}]`, columns: Object.keys(rows[0] ?? {}) })),
    query: async (sql) => {
      const [, columns = "", from = ""] = /^select (.*) from \[(.*)\]$/.exec(sql) ?? [];
      const wanted = columns.split(", ").map((column) => column.slice(1, -1));
      const table = tables.find(({ name }) => name === from);
      return (table?.rows ?? []).map((row) => Object.fromEntries(wanted.map((column) => [column, row[column]])));
    },
    quote: (name) => `<${name}>`,
  };
}

describe("readMigrations", () => {
  test.each<[tool: string, table: Table, applied: string[]]>([
    [
      "Django",
      {
        name: "django_migrations",
        rows: [
          { id: 1, app: "b", name: "0001_x" },
          { id: 2, app: "a", name: "0002_y" },
          { id: 3, app: "a", name: "0001_z" },
        ],
      },
      ["a.0001_z", "a.0002_y", "b.0001_x"],
    ],
    ["Alembic", { name: "alembic_version", rows: [{ version_num: "b2" }, { version_num: "a1" }] }, ["a1", "b2"]],
    ["Rails", { name: "schema_migrations", rows: [{ version: "20260102" }, { version: "9" }] }, ["9", "20260102"]],
    [
      "Ecto",
      {
        name: "schema_migrations",
        rows: [
          { version: "20260102000000", inserted_at: "x" },
          { version: "20250102000000", inserted_at: "x" },
        ],
      },
      ["20250102000000", "20260102000000"],
    ],
    ["golang-migrate", { name: "schema_migrations", rows: [{ version: 12, dirty: true }] }, ["12 (dirty)"]],
    ["golang-migrate", { name: "schema_migrations", rows: [{ version: 12, dirty: 0 }] }, ["12"]],
    [
      "Laravel",
      {
        name: "migrations",
        rows: [
          { id: 1, migration: "2026_b", batch: 1 },
          { id: 2, migration: "2025_a", batch: 2 },
        ],
      },
      ["2025_a", "2026_b"],
    ],
    [
      "TypeORM",
      {
        name: "migrations",
        rows: [
          { id: 1, timestamp: "1700000000002", name: "A2" },
          { id: 2, timestamp: "1700000000001", name: "Z1" },
        ],
      },
      ["Z1", "A2"],
    ],
    [
      "Flyway",
      {
        name: "flyway_schema_history",
        rows: [
          { installed_rank: 3, version: "1.10", script: "V1.10", success: true },
          { installed_rank: 2, version: "1.2", script: "V1.2", success: "1" },
          { installed_rank: 4, version: null, script: "R__views", success: 1 },
          { installed_rank: 5, version: "2", script: "V2", success: false },
        ],
      },
      ["1.2", "1.10", "2 (failed)", "R__views"],
    ],
    [
      "Liquibase",
      {
        name: "DATABASECHANGELOG",
        rows: [
          { ID: "1", AUTHOR: "anna", FILENAME: "b.xml", ORDEREXECUTED: 1 },
          { ID: "1", AUTHOR: "anna", FILENAME: "a.xml", ORDEREXECUTED: 2 },
        ],
      },
      ["a.xml::1::anna", "b.xml::1::anna"],
    ],
    [
      "Prisma",
      {
        name: "_prisma_migrations",
        rows: [
          { migration_name: "2_b", finished_at: "x", rolled_back_at: null },
          { migration_name: "1_a", finished_at: "x", rolled_back_at: null },
          { migration_name: "3_c", finished_at: null, rolled_back_at: null },
          { migration_name: "4_d", finished_at: "x", rolled_back_at: "y" },
        ],
      },
      ["1_a", "2_b"],
    ],
    [
      "Knex",
      {
        name: "knex_migrations",
        rows: [
          { id: 1, name: "2.js", batch: 1 },
          { id: 2, name: "1.js", batch: 1 },
        ],
      },
      ["1.js", "2.js"],
    ],
    [
      "Drizzle",
      {
        name: "__drizzle_migrations",
        rows: [
          { id: 1, hash: "zz", created_at: "1700000000001" },
          { id: 2, hash: "aa", created_at: "1700000000002" },
        ],
      },
      ["zz", "aa"],
    ],
    ["Sequelize", { name: "SequelizeMeta", rows: [{ name: "b.js" }, { name: "a.js" }] }, ["a.js", "b.js"]],
    [
      "EF Core",
      {
        name: "__EFMigrationsHistory",
        rows: [
          { MigrationId: "20260101_B", ProductVersion: "8" },
          { MigrationId: "20250101_A", ProductVersion: "8" },
        ],
      },
      ["20250101_A", "20260101_B"],
    ],
    [
      "goose",
      {
        name: "goose_db_version",
        rows: [
          { id: 1, version_id: "1", is_applied: true },
          { id: 2, version_id: "10", is_applied: true },
          { id: 3, version_id: "2", is_applied: true },
          { id: 4, version_id: "2", is_applied: false },
        ],
      },
      ["1", "10"],
    ],
    [
      "Diesel",
      {
        name: "__diesel_schema_migrations",
        rows: [
          { version: "b", run_on: "x" },
          { version: "a", run_on: "x" },
        ],
      },
      ["a", "b"],
    ],
    [
      "sqlx",
      {
        name: "_sqlx_migrations",
        rows: [
          { version: "10", success: true },
          { version: "9", success: "0x01" },
          { version: "11", success: 0 },
        ],
      },
      ["9", "10", "11 (failed)"],
    ],
  ])("%s", async (tool, table, applied) => {
    expect(await readMigrations(holding({ name: "unrelated", rows: [{ id: 1 }] }, table))).toEqual({ tool, applied });
  });

  test("a table of the same name with other columns belongs to no tool", async () => {
    expect(await readMigrations(holding({ name: "migrations", rows: [{ what: 1 }] }))).toBeNull();
    expect(await readMigrations(holding())).toBeNull();
  });

  test("names are not taken for SQL, and NULL is not text", async () => {
    const source = holding({
      name: "_prisma_migrations",
      rows: [{ migration_name: "a", finished_at: null, rolled_back_at: null }],
    });
    expect(await readMigrations(source)).toEqual({ tool: "Prisma", applied: [] });
  });
});
