/** PostgreSQL's SQL. */
import type { Dialect } from "../../engine/dialect.ts";
import { updateFrom } from "../shared/update-from.ts";

/** Types compared as text because they have no equality operator. */
const AS_TEXT = new Set(["json", "native", "array", "interval"]);
/** Matches integers within 64 bits. Avoids the question mark, which would be taken for a parameter. */
const DIGITS = "'^(0|[1-9][0-9]{0,17}|-[1-9][0-9]{0,17})$'";

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const dialect: Dialect = {
  quote,
  ownRows: ({ partitioned }) => (partitioned === true ? "" : "only "),
  printed: (expression, { native }) => (native.startsWith("character(") ? `${expression}::text` : expression),
  asText: (expression) => `cast(${expression} as text)`,
  sameId: (id, held) =>
    id.column.kind === held.column.kind ? `${id.sql} = ${held.sql}` : `${id.sql}::text = lower(${held.sql}::text)`,
  isIdInText: (id, text) => `${id} = case when ${text}::text ~ ${DIGITS} then ${text}::text::bigint end`,
  narrowColumn: (column) => column,
  typed: (name, { native, collation }) => {
    const clause = collation === undefined || collation === "default" ? "" : ` collate ${collationName(collation)}`;
    return `${quote(name)} ${native}${clause}`;
  },
  asciiCollation: undefined,
  temporary: " on commit drop",
  dropTableKeyword: "table",
  hasInlineIndexes: false,
  differs: (a, b, { kind }) =>
    kind === "text"
      ? `${a}::text collate "C" is distinct from ${b}::text collate "C"`
      : AS_TEXT.has(kind)
        ? `${a}::text is distinct from ${b}::text`
        : `${a} is distinct from ${b}`,
  same: (a, b, { nullable }) => `${a} ${nullable ? "is not distinct from" : "="} ${b}`,
  comparable: (expression, { kind }) => (AS_TEXT.has(kind) ? `${expression}::text` : expression),
  update: (parts) => updateFrom(quote, parts),
  overridingClause: " overriding system value",
  insertIgnoringConflicts: (sql) => `${sql} on conflict do nothing`,
  storeEmptyEnum: () => [],
};

/** Quotes a collation as introspection returns it: a name, or schema and name. */
const collationName = (collation: string): string =>
  collation.includes('"')
    ? collation
    : collation
        .split(".")
        .map((name) => quote(name))
        .join(".");
