/** A generated schema and its rows in each engine's SQL. */
import type { PortableEngine } from "./engines.ts";
import { cellOf, type ModelCell, type ModelColumn, type ModelTable } from "./schema-generator.ts";
import type { TypeName } from "./value-edges.ts";

type Name = PortableEngine["name"];

const NATIVE: Readonly<Record<Name, Readonly<Record<TypeName, string>>>> = {
  PostgreSQL: {
    integer: "integer", big: "bigint", decimal: "numeric(20,6)", double: "double precision", boolean: "boolean", text: "text", bytes: "bytea",
    date: "date", time: "time(6)", moment: "timestamp(6)", json: "json", uuid: "uuid",
  },
  MariaDB: {
    integer: "integer", big: "bigint", decimal: "decimal(20,6)", double: "double", boolean: "boolean", text: "longtext", bytes: "longblob",
    date: "date", time: "time(6)", moment: "datetime(6)", json: "json", uuid: "uuid",
  },
  SQLite: {
    integer: "integer", big: "bigint", decimal: "decimal(20,6)", double: "double", boolean: "boolean", text: "text", bytes: "blob",
    date: "date", time: "time", moment: "timestamp", json: "json", uuid: "uuid",
  },
}; // prettier-ignore

const quoteOf =
  (engine: Name) =>
  (name: string): string =>
    engine === "MariaDB" ? `\`${name.replaceAll("`", "``")}\`` : `"${name.replaceAll('"', '""')}"`;

/** `before` the rows and `after` them: foreign keys come last where they can. */
function createTables(engine: Name, tables: readonly ModelTable[]): { before: string[]; after: string[] } {
  const quote = quoteOf(engine);
  const list = (names: readonly string[]): string => names.map(quote).join(", ");
  const linksOf = (table: ModelTable): string[] =>
    table.links.map(
      ({ columns, target }) =>
        `foreign key (${list(columns)}) references ${quote(target.name)} (${list(target.primaryKey)})`,
    );
  const before = tables.map((table) => {
    const keyed = new Set([
      ...table.primaryKey,
      ...table.uniques.flat(),
      ...table.links.flatMap(({ columns }) => columns),
    ]);
    const numbered = engine === "SQLite" && table.columns.some(({ identity }) => identity !== undefined);
    const parts = [
      ...table.columns.map((column) => `${quote(column.name)} ${typeOf(engine, column, keyed.has(column.name))}`),
      ...(table.primaryKey.length === 0 || numbered ? [] : [`primary key (${list(table.primaryKey)})`]),
      ...table.uniques.map((unique) => `unique (${list(unique)})`),
      ...(engine === "SQLite" ? linksOf(table) : []),
    ];
    return `create table ${quote(table.name)} (${parts.length === 0 ? `${quote("nothing")} integer` : parts.join(", ")});`;
  });
  const after = tables.flatMap((table) =>
    linksOf(table).map((link) => `alter table ${quote(table.name)} add ${link};`),
  );
  return engine === "SQLite" ? { before: ["pragma foreign_keys = off;", ...before], after: [] } : { before, after };
}

function typeOf(engine: Name, { type, nullable, identity }: ModelColumn, keyed: boolean): string {
  if (identity !== undefined)
    return {
      PostgreSQL: `integer generated ${identity === "always" ? "always" : "by default"} as identity`,
      MariaDB: "integer not null auto_increment",
      SQLite: "integer primary key autoincrement",
    }[engine];
  const native = engine === "MariaDB" && type === "text" && keyed ? "varchar(60)" : NATIVE[engine][type];
  const collate = engine === "MariaDB" && type === "text" ? " collate utf8mb4_bin" : "";
  return `${native}${collate}${nullable ? "" : " not null"}`;
}

/** Where another database would begin to count. */
const OTHER = 1000;

function insertRows(engine: Name, table: ModelTable, renumbered: (table: ModelTable) => boolean): string[] {
  if (table.rows.length === 0) return [];
  if (table.columns.length === 0) return [`insert into ${quoteOf(engine)(table.name)} values ${table.rows.map(() => "(null)").join(", ")};`]; // prettier-ignore
  const rows = table.rows.map((row) => {
    const cells = table.columns.map(({ name, type }) => {
      const home = homeOf(table, name);
      return literal(engine, type, cellOf(table, row, name), renumbered(home) ? OTHER : 0);
    });
    return `(${cells.join(", ")})`;
  });
  const overriding = engine === "PostgreSQL" ? " overriding system value" : "";
  return [`insert into ${quoteOf(engine)(table.name)}${overriding} values ${rows.join(", ")};`];
}

/** The table whose rows a column's numbers count. */
function homeOf(table: ModelTable, name: string): ModelTable {
  const link = table.links.find(({ columns }) => columns.includes(name));
  if (link === undefined) return table;
  return homeOf(link.target, link.target.primaryKey[link.columns.indexOf(name)] ?? "");
}

/** Text by its bytes: no client reads anything into it. */
function literal(engine: Name, type: TypeName, cell: ModelCell, first: number): string {
  if (cell === null) return "null";
  if (typeof cell === "object") return String(cell.number + first);
  if (type === "text" || type === "json") {
    const hex = Buffer.from(cell).toString("hex");
    if (engine === "PostgreSQL") return `convert_from('\\x${hex}', 'UTF8')${type === "json" ? "::json" : ""}`;
    return engine === "MariaDB" ? `convert(x'${hex}' using utf8mb4)` : `cast(x'${hex}' as text)`;
  }
  if (type === "bytes") return engine === "PostgreSQL" ? `'\\x${cell}'` : `x'${cell}'`;
  return ["date", "time", "moment", "uuid"].includes(type) ? `'${cell}'` : cell;
}

/** Statements that make the tables and, for those that `filled` takes, their rows, with numbers from `first` on where `renumbered` says so. */
export function sqlOf(
  engine: Name,
  tables: readonly ModelTable[],
  filled: (table: ModelTable) => boolean = () => true,
  renumbered: (table: ModelTable) => boolean = () => false,
): string {
  const { before, after } = createTables(engine, tables);
  return [...before, ...tables.filter(filled).flatMap((one) => insertRows(engine, one, renumbered)), ...after].join(
    "\n",
  );
}
