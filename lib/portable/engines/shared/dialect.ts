/** Where the engines' SQL differs in what an import needs. */
import type { Connection } from "../../connection.ts";
import type { Column } from "../../schema/tables.ts";

export interface Dialect {
  readonly connection: Connection;
  /** A column of a temporary table that takes the values of `column`, and NULL. */
  typed(name: string, column: Column): string;
  /** A column that stands in for one of many, where a row has a largest size: the links of a row bring the columns of other tables. */
  narrowColumn(column: Column): Column;
  /** What follows the closing bracket of a temporary table. */
  readonly temporary: string;
  /** What DROP says of one: MySQL commits for `table`. */
  readonly dropTableKeyword: string;
  /** Whether two values differ, NULL being a value; by the byte, whatever the collation says. */
  differs(a: string, b: string, column: Column): string;
  /** Whether two values of a key are one, as the collation says; NULL is one where the column may hold it. */
  same(a: string, b: string, column: Column): string;
  /** A value as something that has an equality. */
  comparable(expression: string, column: Column): string;
  /** `update target set column = value … from … where …`: `froms` are joined in turn, each with its condition. */
  update(parts: UpdateParts): string;
  /** Between the columns and the rows of an insert. */
  readonly overridingClause: string;
  /** An insert that passes over rows which break a unique constraint. */
  insertIgnoringConflicts(sql: string): string;
}

export interface UpdateParts {
  readonly table: string;
  readonly alias: string;
  readonly set: readonly (readonly [string, string])[];
  readonly joins: readonly { readonly table: string; readonly alias: string; readonly on: string }[];
  readonly where: string;
}

export function dialectOf(connection: Connection): Dialect {
  return connection.engine === "postgresql"
    ? postgres(connection)
    : connection.engine === "sqlite"
      ? sqlite(connection)
      : mysql(connection);
}

/** Compared as texts where the type has no equality of its own. */
const AS_TEXT = new Set(["json", "native", "array", "interval"]);

const postgres = (connection: Connection): Dialect => ({
  connection,
  narrowColumn: (column) => column,
  typed: (name, { native, collation }) =>
    `${connection.quote(name)} ${native}${collation === undefined || collation === "default" ? "" : ` collate ${collationName(connection, collation)}`}`,
  temporary: " on commit drop",
  dropTableKeyword: "table",
  differs: (a, b, { kind }) =>
    kind === "text"
      ? `${a}::text collate "C" is distinct from ${b}::text collate "C"`
      : AS_TEXT.has(kind)
        ? `${a}::text is distinct from ${b}::text`
        : `${a} is distinct from ${b}`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "is not distinct from" : "="} ${b}`,
  comparable: (expression, { kind }) => (AS_TEXT.has(kind) ? `${expression}::text` : expression),
  update: ({ table, alias, set, joins, where }) => updateFrom(connection, { table, alias, set, joins, where }),
  overridingClause: " overriding system value",
  insertIgnoringConflicts: (sql) => `${sql} on conflict do nothing`,
});

const sqlite = (connection: Connection): Dialect => ({
  connection,
  narrowColumn: (column) => column,
  typed: (name, { native, collation, asIs = false }) =>
    // A temporary table is no STRICT one: there, a column without a type is what keeps all values.
    `${connection.quote(name)} ${asIs ? "" : native}${collation === undefined ? "" : ` collate ${connection.quote(collation)}`}`,
  temporary: "",
  dropTableKeyword: "table",
  differs: (a, b) => `${a} is not ${b} collate binary`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "is" : "="} ${b}`,
  comparable: (expression, { kind }) => (kind === "text" ? `${expression} collate binary` : expression),
  update: (parts) => updateFrom(connection, parts),
  overridingClause: "",
  insertIgnoringConflicts: (sql) => sql.replace(/^insert /, "insert or ignore "),
});

const mysql = (connection: Connection): Dialect => ({
  connection,
  narrowColumn: (column) => ({
    ...column,
    native: column.native.replace(/^varchar\(\d+\)/i, "longtext").replace(/^varbinary\(\d+\)/i, "longblob"),
  }),
  typed: (name, { native, collation }) =>
    `${connection.quote(name)} ${native.replace(/ (character set|collate) \S+/gi, "")}${collation === undefined ? "" : ` collate ${collation}`} null`,
  temporary: "",
  dropTableKeyword: "temporary table",
  differs: (a, b, { kind }) =>
    kind === "text" || kind === "json" ? `not (cast(${a} as binary) <=> cast(${b} as binary))` : `not (${a} <=> ${b})`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "<=>" : "="} ${b}`,
  comparable: (expression, { kind }) => (kind === "text" ? `cast(${expression} as binary)` : expression),
  update: ({ table, alias, set, joins, where }) => {
    const joined = joins.map((join) => ` join ${join.table} as ${join.alias} on ${join.on}`).join("");
    const assigned = set.map(([column, value]) => `${alias}.${connection.quote(column)} = ${value}`).join(", ");
    return `update ${table} as ${alias}${joined} set ${assigned} where ${where}`;
  },
  overridingClause: "",
  insertIgnoringConflicts: (sql) => sql.replace(/^insert /, "insert ignore "),
});

function updateFrom({ quote }: Connection, { table, alias, set, joins, where }: UpdateParts): string {
  const assigned = set.map(([column, value]) => `${quote(column)} = ${value}`).join(", ");
  const from = joins.map((join) => `${join.table} as ${join.alias}`).join(", ");
  const conditions = [...joins.map(({ on }) => on), where].join(" and ");
  return `update ${table} as ${alias} set ${assigned}${from === "" ? "" : ` from ${from}`} where ${conditions}`;
}

/** As introspection gives it: one name, or schema and name. */
const collationName = (connection: Connection, collation: string): string =>
  collation.includes('"')
    ? collation
    : collation
        .split(".")
        .map((name) => connection.quote(name))
        .join(".");
