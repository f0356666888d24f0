/** Reads the migration tables of frameworks, which are identified by name and columns. */
import { HoldfastError } from "../errors.ts";

/** The access of an engine to these tables. */
export interface MigrationSource {
  /** The tables with one of these lower-case names; `from` is SQL to follow FROM. */
  columnsOf(names: readonly string[]): Promise<{ name: string; from: string; columns: readonly string[] }[]>;
  /** Runs a SELECT of these columns from `from`; returns each row by their names. */
  query(sql: string, columns: readonly string[], from: string): Promise<Record<string, unknown>[]>;
  quote(name: string): string;
}

export interface Migrations {
  readonly tool: string;
  readonly applied: readonly string[];
}

type Row = Readonly<Record<string, string>>;

interface Tool {
  readonly tool: string;
  readonly table: string;
  /** Columns to read. All must exist. */
  readonly columns: readonly string[];
  /** Columns that another tool's table of the same name has. */
  readonly without?: readonly string[];
  /** Returns the migration of a row; undefined if it is not applied. */
  readonly applied: (row: Row) => string | undefined;
  readonly order?: (a: Row, b: Row) => number;
}

const column =
  (name: string) =>
  (row: Row): string | undefined =>
    row[name];
const by =
  (name: string, compare: (a: string, b: string) => number) =>
  (a: Row, b: Row): number =>
    compare(a[name] ?? "", b[name] ?? "");

/** The known tools: the first with a table is used. An incomplete migration is marked, so that the set differs. */
const TOOLS: readonly Tool[] = [
  { tool: "Django", table: "django_migrations", columns: ["app", "name"], applied: (row) => `${row.app}.${row.name}` },
  { tool: "Alembic", table: "alembic_version", columns: ["version_num"], applied: column("version_num") },
  {
    tool: "golang-migrate",
    table: "schema_migrations",
    columns: ["version", "dirty"],
    applied: (row) => `${row.version}${isTrue(row.dirty) ? " (dirty)" : ""}`,
    order: by("version", numeric),
  },
  {
    tool: "Ecto",
    table: "schema_migrations",
    columns: ["version", "inserted_at"],
    applied: column("version"),
    order: by("version", numeric),
  },
  {
    tool: "Rails",
    table: "schema_migrations",
    columns: ["version"],
    without: ["dirty", "inserted_at"],
    applied: column("version"),
    order: by("version", numeric),
  },
  {
    tool: "Laravel",
    table: "migrations",
    columns: ["migration", "batch"],
    applied: column("migration"),
  },
  {
    tool: "TypeORM",
    table: "migrations",
    columns: ["timestamp", "name"],
    applied: column("name"),
    order: by("timestamp", numeric),
  },
  {
    tool: "Flyway",
    table: "flyway_schema_history",
    columns: ["version", "script", "success", "installed_rank"],
    // That a schema was made by it is a row as well, and no migration.
    applied: (row) =>
      row.script?.startsWith("<< Flyway Schema") === true
        ? undefined
        : `${row.version ?? row.script}${isTrue(row.success) ? "" : " (failed)"}`,
    order: (a, b) =>
      dotted(a.version ?? "", b.version ?? "") || numeric(a.installed_rank ?? "", b.installed_rank ?? ""),
  },
  {
    tool: "Liquibase",
    table: "databasechangelog",
    columns: ["id", "author", "filename", "orderexecuted"],
    applied: (row) => `${row.filename}::${row.id}::${row.author}`,
  },
  {
    tool: "Prisma",
    table: "_prisma_migrations",
    columns: ["migration_name", "finished_at", "rolled_back_at"],
    applied: (row) =>
      row.finished_at === undefined || row.rolled_back_at !== undefined ? undefined : row.migration_name,
  },
  { tool: "Knex", table: "knex_migrations", columns: ["name", "batch"], applied: column("name") },
  {
    tool: "Drizzle",
    table: "__drizzle_migrations",
    columns: ["hash", "created_at"],
    applied: column("hash"),
    order: by("created_at", numeric),
  },
  { tool: "Sequelize", table: "sequelizemeta", columns: ["name"], applied: column("name") },
  { tool: "EF Core", table: "__efmigrationshistory", columns: ["migrationid"], applied: column("migrationid") },
  {
    tool: "goose",
    table: "goose_db_version",
    columns: ["id", "version_id", "is_applied"],
    applied: (row) => (isTrue(row.is_applied) ? row.version_id : undefined),
    order: by("version_id", numeric),
  },
  {
    tool: "Diesel",
    table: "__diesel_schema_migrations",
    columns: ["version"],
    applied: column("version"),
  },
  {
    tool: "sqlx",
    table: "_sqlx_migrations",
    columns: ["version", "success"],
    applied: (row) => `${row.version}${isTrue(row.success) ? "" : " (failed)"}`,
    order: by("version", numeric),
  },
];

/** Reads the first known migration table, in the order of its tool; returns null if there is none. */
export async function readMigrations(source: MigrationSource): Promise<Migrations | null> {
  const tables = await source.columnsOf([...new Set(TOOLS.map(({ table }) => table))]);
  for (const tool of TOOLS) {
    const table = tables.find(({ name, columns }) => name.toLowerCase() === tool.table && suits(tool, columns));
    if (table === undefined) continue;
    const wanted = table.columns.filter((name) => tool.columns.includes(name.toLowerCase()));
    const list = wanted.map((name) => source.quote(name)).join(", ");
    const rows = await source.query(`select ${list} from ${table.from}`, wanted, table.from);
    const sorted = latest(tool, rows.map(normalise)).toSorted(tool.order ?? byApplied(tool));
    return { tool: tool.tool, applied: sorted.map(tool.applied).filter((name) => name !== undefined) };
  }
  return null;
}

/** Reads migrations like `readMigrations`; adds a warning and returns null if the database refuses. */
export async function tryMigrations(source: MigrationSource, warnings: string[]): Promise<Migrations | null> {
  try {
    return await readMigrations(source);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
    warnings.push(`the migrations could not be read: ${error.message}`);
    return null;
  }
}

/** Checks whether a migration is marked as incomplete. */
export const isBroken = (applied: string): boolean => / \((?:dirty|failed)\)$/.test(applied);

/** The tool whose migration table has this name and these columns. */
export const migrationTool = (name: string, columns: readonly string[]): string | undefined =>
  TOOLS.find((tool) => tool.table === name.toLowerCase() && suits(tool, columns))?.tool;

function suits({ columns, without = [] }: Tool, present: readonly string[]): boolean {
  const names = new Set(present.map((name) => name.toLowerCase()));
  return columns.every((name) => names.has(name)) && !without.some((name) => names.has(name));
}

/** Column names in lower case, values as text, NULL absent. */
function normalise(row: Record<string, unknown>): Row {
  const filled = Object.entries(row).filter(([, value]) => value !== null);
  return Object.fromEntries(filled.map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** goose writes a row for every up and down of a version: the last one counts. */
function latest({ tool }: Tool, rows: readonly Row[]): readonly Row[] {
  if (tool !== "goose") return rows;
  const sorted = rows.toSorted((a, b) => numeric(a.id ?? "", b.id ?? ""));
  return [...new Map(sorted.map((row) => [row.version_id, row])).values()];
}

const byApplied =
  ({ applied }: Tool) =>
  (a: Row, b: Row): number =>
    compareText(applied(a) ?? "", applied(b) ?? "");

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Whole numbers of any length; what is not a number sorts as text. */
function numeric(a: string, b: string): number {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return compareText(a, b);
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : Number(difference > 0n);
}

/** `1.2` before `1.10`; what has no version comes last. */
function dotted(a: string, b: string): number {
  if (a === "" || b === "") return Number(a === "") - Number(b === "");
  const [left, right] = [a.split(/[._]/), b.split(/[._]/)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = numeric(left[index] ?? "0", right[index] ?? "0");
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Booleans as the three engines print them. */
function isTrue(value: string | undefined): boolean {
  return value === "true" || value === "1" || value === "0x01";
}
