/** The SQL of MySQL and MariaDB. */
import type { Dialect } from "../../engine/dialect.ts";

/** Matches integers within 64 bits. Avoids the question mark, which the driver takes for a parameter. */
const DIGITS = "'^(0|[1-9][0-9]{0,17}|-[1-9][0-9]{0,17})$'";

const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

export const dialect: Dialect = {
  quote,
  ownRows: () => "",
  printed: (expression, { kind }) => (kind === "float4" ? `cast(${expression} as double)` : expression),
  asText: (expression) => `cast(${expression} as char)`,
  sameId: (id, held) => `${id.sql} = ${held.sql}`,
  isIdInText: (id, text) => `${id} = case when ${text} regexp ${DIGITS} then cast(${text} as signed) end`,
  narrowColumn: (column) => ({
    ...column,
    native: column.native.replace(/^varchar\(\d+\)/i, "longtext").replace(/^varbinary\(\d+\)/i, "longblob"),
  }),
  typed: (name, { native, collation }) => {
    const type = native.replace(/ (character set|collate) \S+/gi, "");
    return `${quote(name)} ${type}${collation === undefined ? "" : ` collate ${collation}`} null`;
  },
  asciiCollation: "ascii_bin",
  temporary: "",
  dropTableKeyword: "temporary table",
  hasInlineIndexes: true,
  differs: (a, b, { kind }) =>
    kind === "text" || kind === "json" ? `not (cast(${a} as binary) <=> cast(${b} as binary))` : `not (${a} <=> ${b})`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "<=>" : "="} ${b}`,
  comparable: (expression, { kind }) => (kind === "text" ? `cast(${expression} as binary)` : expression),
  update: ({ table, alias, set, joins, where }) => {
    const joined = joins.map((join) => ` join ${join.table} as ${join.alias} on ${join.on}`).join("");
    const assigned = set.map(([column, value]) => `${alias}.${quote(column)} = ${value}`).join(", ");
    return `update ${table} as ${alias}${joined} set ${assigned} where ${where}`;
  },
  overridingClause: "",
  insertIgnoringConflicts: (sql) => sql.replace(/^insert /, "insert ignore "),
  // A strict server accepts it only from another enum.
  storeEmptyEnum: (table, column, flag) => [
    "set @holdfast_mode = @@sql_mode, sql_mode = ''",
    `update ${table} set ${quote(column)} = '' where ${quote(flag)} = 1`,
    "set sql_mode = @holdfast_mode",
  ],
};
