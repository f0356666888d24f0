/** The differences between the engines' SQL that an import needs. */
import type { Connection } from "../../connection.ts";
import type { Column } from "../../schema/tables.ts";

export interface Dialect {
  readonly connection: Connection;
  /** Defines a column of a temporary table that accepts the values of `column`, and NULL. */
  typed(name: string, column: Column): string;
  /**
   * Returns a column that takes less of the row size limit. A staging row has the key columns of all its references,
   * which may be many.
   */
  narrowColumn(column: Column): Column;
  /** The SQL after the closing bracket of a temporary table. */
  readonly temporary: string;
  /** The SQL after DROP for a temporary table: MySQL commits for `table`. */
  readonly dropTableKeyword: string;
  /** Tests whether two values differ, with NULL as a value; by the byte, regardless of the collation. */
  differs(a: string, b: string, column: Column): string;
  /** Tests whether two values of a key are equal by the collation; NULLs are equal if the column is nullable. */
  same(a: string, b: string, column: Column): string;
  /** Returns a form of the value that has an equality operator. */
  comparable(expression: string, column: Column): string;
  /**
   * Returns `update target set column = value … from … where …`: the tables of `joins` are joined in turn, each on its
   * condition.
   */
  update(parts: UpdateParts): string;
  /** The SQL between the columns and the rows of an insert. */
  readonly overridingClause: string;
  /** Changes an insert so that it skips rows which violate a unique constraint. */
  insertIgnoringConflicts(sql: string): string;
  /**
   * Returns what else such an insert has ignored, by its last statement: a CHECK, a value cut off. Only MySQL ignores
   * more, and reports it for `rowsAtOnce` rows at most.
   */
  readonly otherIgnored?: { readonly rowsAtOnce: number; find(): Promise<string | undefined> };
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

/** Types compared as text because they have no equality operator. */
const AS_TEXT = new Set(["json", "native", "array", "interval"]);

const postgres = (connection: Connection): Dialect => ({
  connection,
  narrowColumn: (column) => column,
  typed: (name, { native, collation }) => {
    const clause =
      collation === undefined || collation === "default" ? "" : ` collate ${collationName(connection, collation)}`;
    return `${connection.quote(name)} ${native}${clause}`;
  },
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
  typed: (name, { native, collation, asIs = false }) => {
    // A temporary table is not STRICT, so only a column without a type keeps values unchanged.
    const clause = collation === undefined ? "" : ` collate ${connection.quote(collation)}`;
    return `${connection.quote(name)} ${asIs ? "" : native}${clause}`;
  },
  temporary: "",
  dropTableKeyword: "table",
  differs: (a, b) => `${a} is not ${b} collate binary`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "is" : "="} ${b}`,
  comparable: (expression, { kind }) => (kind === "text" ? `${expression} collate binary` : expression),
  update: (parts) => updateFrom(connection, parts),
  overridingClause: "",
  insertIgnoringConflicts: (sql) => `${sql} on conflict do nothing`,
});

const mysql = (connection: Connection): Dialect => ({
  connection,
  narrowColumn: (column) => ({
    ...column,
    native: column.native.replace(/^varchar\(\d+\)/i, "longtext").replace(/^varbinary\(\d+\)/i, "longblob"),
  }),
  typed: (name, { native, collation }) => {
    const type = native.replace(/ (character set|collate) \S+/gi, "");
    return `${connection.quote(name)} ${type}${collation === undefined ? "" : ` collate ${collation}`} null`;
  },
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
  otherIgnored: {
    rowsAtOnce: MOST_WARNINGS,
    find: async () => {
      const warnings = await connection.rows("show warnings");
      const other = warnings.find(([level, code]) => String(level) !== "Note" && !DUPLICATES.has(Number(code)));
      return other === undefined ? undefined : String(other[2]);
    },
  },
});

/** The most warnings that a server keeps of a statement (`max_error_count`). */
const MOST_WARNINGS = 65_535;
/** ER_DUP_KEY, ER_DUP_ENTRY, ER_DUP_UNIQUE and ER_DUP_ENTRY_WITH_KEY_NAME. */
const DUPLICATES: ReadonlySet<number> = new Set([1022, 1062, 1169, 1586]);

function updateFrom({ quote }: Connection, { table, alias, set, joins, where }: UpdateParts): string {
  const assigned = set.map(([column, value]) => `${quote(column)} = ${value}`).join(", ");
  const from = joins.map((join) => `${join.table} as ${join.alias}`).join(", ");
  const conditions = [...joins.map(({ on }) => on), where].join(" and ");
  return `update ${table} as ${alias} set ${assigned}${from === "" ? "" : ` from ${from}`} where ${conditions}`;
}

/** Quotes a collation as introspection returns it: a name, or schema and name. */
const collationName = (connection: Connection, collation: string): string =>
  collation.includes('"')
    ? collation
    : collation
        .split(".")
        .map((name) => connection.quote(name))
        .join(".");
