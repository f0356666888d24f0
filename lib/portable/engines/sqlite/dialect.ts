/** SQLite's SQL. */
import type { Dialect } from "../../engine/dialect.ts";
import { updateFrom } from "../shared/update-from.ts";

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const dialect: Dialect = {
  quote,
  ownRows: () => "",
  printed: (expression) => expression,
  asText: (expression) => `cast(${expression} as text)`,
  sameId: (id, held) => `${id.sql} = ${held.sql}`,
  isIdInText: (id, text) =>
    `${id} = case when ${text} = cast(cast(${text} as integer) as text) then cast(${text} as integer) end`,
  narrowColumn: (column) => column,
  typed: (name, { native, collation, asIs = false }) => {
    // A temporary table is not STRICT, so only a column without a type keeps values unchanged.
    const clause = collation === undefined ? "" : ` collate ${quote(collation)}`;
    return `${quote(name)} ${asIs ? "" : native}${clause}`;
  },
  asciiCollation: undefined,
  temporary: "",
  dropTableKeyword: "table",
  hasInlineIndexes: false,
  differs: (a, b) => `${a} is not ${b} collate binary`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "is" : "="} ${b}`,
  comparable: (expression, { kind }) => (kind === "text" ? `${expression} collate binary` : expression),
  update: (parts) => updateFrom(quote, parts),
  overridingClause: "",
  insertIgnoringConflicts: (sql) => `${sql} on conflict do nothing`,
  storeEmptyEnum: () => [],
};
