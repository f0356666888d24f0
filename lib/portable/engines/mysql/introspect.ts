/**
 * Introspects MySQL and MariaDB by information_schema: https://mariadb.com/kb/en/information-schema-tables/. Columns
 * are read by position, because MySQL 8 returns their names in capitals.
 */
import type { Row, Session } from "../../engine/session.ts";
import type { Column, Kind, Schema } from "../../schema/tables.ts";
import { cells, given, namedIn, SchemaDraft, type KeyPart } from "../shared/schema-builder.ts";

const TABLES = `
  select table_name, table_type, engine, table_rows from information_schema.tables where table_schema = database()`;

const COLUMNS = `
  select table_name, column_name, data_type, column_type, is_nullable, column_default, extra,
    character_maximum_length, character_octet_length, numeric_precision, numeric_scale, datetime_precision,
    collation_name
  from information_schema.columns where table_schema = database() order by table_name, ordinal_position`;

/** Unique indexes. A part over an expression has no column (MySQL), a part over a prefix of a column has a length. */
const KEYS = `
  select table_name, index_name, column_name, sub_part from information_schema.statistics
  where table_schema = database() and non_unique = 0 order by table_name, index_name, seq_in_index`;

const FOREIGN_KEYS = `
  select table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
    referenced_column_name, referenced_table_schema = database()
  from information_schema.key_column_usage
  where table_schema = database() and referenced_table_name is not null
  order by table_name, constraint_name, ordinal_position`;

const TRIGGERS = `
  select event_object_table, trigger_name from information_schema.triggers where event_object_schema = database()`;

/** The check by which MariaDB makes a text JSON. */
const JSON_CHECKS = `
  select table_name, check_clause from information_schema.check_constraints where constraint_schema = database()
    and check_clause like 'json_valid(%'`;

/** The other checks, for the columns that they use. */
const CHECKS = `
  select table_name, check_clause from information_schema.check_constraints where constraint_schema = database()
    and check_clause not like 'json_valid(%'`;

export async function introspectMysql(session: Session, name: "mysql" | "mariadb"): Promise<Schema> {
  const draft = new SchemaDraft((one) => one.toLowerCase());
  for (const row of await session.rows(TABLES)) addTable(draft, row);
  const isMaria = name === "mariadb";
  const json = isMaria ? await jsonColumns(session) : new Set<string>();
  for (const row of await session.rows(COLUMNS)) {
    const { text } = cells(row);
    const table = draft.get(text(0));
    const column = columnOf(row, json.has(jsonKey(text(0), text(1))), isMaria);
    table?.columns.push(column);
    if (/\binvisible\b/i.test(text(6))) table?.notes.push(`invisible column ${column.name}`);
  }
  addKeys(draft, await session.rows(KEYS));
  if (isMaria) await addWatched(session, draft);
  const parts = (await session.rows(FOREIGN_KEYS)).map((row) => {
    const { text, flag } = cells(row);
    const target = flag(6) ? text(4) : `${text(3)}.${text(4)}`;
    return { table: text(0), name: text(1), column: text(2), target, targetColumn: text(5), deferrable: false };
  });
  draft.addForeignKeys(parts);
  for (const row of await session.rows(TRIGGERS)) {
    const { text } = cells(row);
    draft.get(text(0))?.triggers.push(text(1));
  }
  return draft.finish(name, session);
}

function addTable(draft: SchemaDraft, row: Row): void {
  const { text, number } = cells(row);
  const [name, type, engine] = [text(0), text(1), text(2)];
  if (type === "SEQUENCE") draft.note(`sequence ${name}: left out`);
  if (type !== "BASE TABLE" && type !== "SYSTEM VERSIONED") return;
  const table = draft.add(name, { id: name, schema: null, name, estimatedRows: number(3) });
  if (type === "SYSTEM VERSIONED") table.notes.push("system versioned: the current rows, without their history");
  if (engine !== "InnoDB") table.notes.push(`ENGINE=${engine}: not transactional`);
}

/**
 * Adds unique keys, except those over an expression or a prefix of a column. A primary key over a prefix still
 * identifies rows.
 */
function addKeys(draft: SchemaDraft, rows: readonly Row[]): void {
  const partial = new Set<string>();
  const parts = rows.map((row): KeyPart => {
    const { text, maybe, number } = cells(row);
    const [table, name, column, prefix] = [text(0), text(1), maybe(2), number(3)];
    const primary = name === "PRIMARY";
    if (primary && prefix > 0)
      draft.get(table)?.notes.push(`primary key: compares only the first ${prefix} of ${column}`);
    if (!primary && (prefix > 0 || column === null)) partial.add(JSON.stringify([table, name]));
    return { table, name, column: column ?? "", primary, constraint: true, nullsNotDistinct: false };
  });
  draft.addKeys(parts.filter(({ table, name }) => !partial.has(JSON.stringify([table, name]))));
}

/** Adds the columns that MariaDB's checks use. MySQL does not say which table a check belongs to. */
async function addWatched(session: Session, draft: SchemaDraft): Promise<void> {
  for (const row of await session.rows(CHECKS)) {
    const { text } = cells(row);
    const table = draft.get(text(0));
    if (table !== undefined) draft.addWatched(text(0), namedIn(text(1), table));
  }
}

const jsonKey = (table: string, column: string): string => JSON.stringify([table, column.toLowerCase()]);

async function jsonColumns(session: Session): Promise<ReadonlySet<string>> {
  const checks = (await session.rows(JSON_CHECKS)).map((row) => cells(row));
  return new Set(
    checks.flatMap(({ text }) => {
      const name = /^json_valid\(`((?:[^`]|``)+)`\)$/i.exec(text(1))?.[1];
      return name === undefined ? [] : jsonKey(text(0), name.replaceAll("``", "`"));
    }),
  );
}

const KINDS: Readonly<Record<string, Kind>> = {
  tinyint: "integer",
  smallint: "integer",
  mediumint: "integer",
  int: "integer",
  bigint: "integer",
  year: "integer",
  decimal: "decimal",
  float: "float4",
  double: "float8",
  bit: "bits",
  char: "text",
  varchar: "text",
  tinytext: "text",
  text: "text",
  mediumtext: "text",
  longtext: "text",
  binary: "bytes",
  varbinary: "bytes",
  tinyblob: "bytes",
  blob: "bytes",
  mediumblob: "bytes",
  longblob: "bytes",
  enum: "enum",
  set: "set",
  json: "json",
  uuid: "uuid",
  date: "date",
  time: "time",
  datetime: "timestamp",
  timestamp: "timestamptz",
};
const BITS: Readonly<Record<string, number>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
  year: 16,
};

function columnOf(row: Row, isJson: boolean, isMariadb: boolean): Column {
  const { text, maybe, flag } = cells(row);
  const [type, native, extra, byDefault] = [text(2).toLowerCase(), text(3), text(6), maybe(5)];
  const kind = isJson ? "json" : /^tinyint\(1\)$/i.test(native) ? "boolean" : (KINDS[type] ?? "native");
  const generated = /\b(?:virtual|stored|persistent)\b/i.test(extra);
  const identity = /\bauto_increment\b/i.test(extra) ? "default" : undefined;
  const labels = kind === "enum" || kind === "set" ? labelsOf(native) : undefined;
  // MariaDB writes a default as an expression. MySQL writes the value, so that the text 'NULL' looks like no default.
  const hasDefault = byDefault !== null && !(isMariadb && byDefault.toUpperCase() === "NULL");
  return {
    name: text(1),
    kind,
    native,
    nullable: flag(4),
    generated,
    hasDefault: !generated && (hasDefault || identity !== undefined),
    ...given({
      identity,
      labels,
      collation: kind === "text" || labels !== undefined ? maybe(12) : undefined,
      unsigned: type === "year" || (BITS[type] !== undefined && / unsigned\b/i.test(native)),
      ...sizeOf(kind, type, row),
    }),
  };
}

function sizeOf(kind: Kind, type: string, row: Row): Pick<Column, "length" | "octets" | "precision" | "scale"> {
  const { number } = cells(row);
  const isLong = type.startsWith("long");
  switch (kind) {
    case "integer":
      return { length: BITS[type] ?? 64 };
    case "bits":
      return { length: number(9) };
    case "decimal":
      return { precision: number(9), scale: number(10) };
    case "bytes":
      return isLong ? {} : { length: number(8) };
    case "text":
      if (type.endsWith("char")) return { length: number(7) };
      return isLong ? {} : { octets: number(8) };
    case "time":
    case "timestamp":
    case "timestamptz":
      return { precision: number(11) };
    default:
      return {};
  }
}

const ESCAPED: Readonly<Record<string, string>> = { "''": "'", "\\0": "\0", "\\n": "\n", "\\r": "\r", "\\\\": "\\" };

/** Returns the labels of `enum('a','it''s')`, quoted as in SHOW CREATE TABLE. */
function labelsOf(native: string): string[] {
  const quoted = native.matchAll(/'((?:[^'\\]|''|\\[\s\S])*)'/g);
  return Array.from(quoted, ([, label = ""]) =>
    label.replace(/''|\\[\s\S]/g, (escaped) => ESCAPED[escaped] ?? escaped.slice(1)),
  );
}
