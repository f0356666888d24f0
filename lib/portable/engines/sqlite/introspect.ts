/** Introspects SQLite, by its table-valued pragmas: https://www.sqlite.org/pragma.html */
import type { Row, Session } from "../../engine/session.ts";
import { kindOf, sizeOf } from "./declared-types.ts";
import type { Column, Schema } from "../../schema/tables.ts";
import { cells, given, namedIn, SchemaDraft, type ForeignKeyPart } from "../shared/schema-builder.ts";

const TABLES = `
  select l.name, l.type, l.wr, l.strict, s.sql from pragma_table_list l
  join main.sqlite_schema s on s.type = 'table' and s.name = l.name
  where l.schema = 'main' and l.name not like 'sqlite\\_%' escape '\\'`;

/** The columns. Virtual tables have no root page, and reading their columns would need their module. */
const COLUMNS = `
  select s.name, p.name, p.type, p."notnull", p.dflt_value, p.hidden, p.pk
  from main.sqlite_schema s join pragma_table_xinfo(s.name, 'main') p
  where s.type = 'table' and s.rootpage > 0 order by s.name, p.cid`;

/** Indexes. A part over an expression has no name. */
const INDEXES = `
  select s.name, i.name, x.name, i.origin, upper(x.coll), i."unique" and not i.partial
  from main.sqlite_schema s join pragma_index_list(s.name, 'main') i join pragma_index_xinfo(i.name, 'main') x
  where s.type = 'table' and s.rootpage > 0 and x.key order by s.name, i.name, x.seqno`;

/** Tables with checks, and unique indexes that are partial or over expressions. */
const CONDITIONS = `
  select s.tbl_name, s.type, s.sql from main.sqlite_schema s
    where s.sql is not null and (s.type = 'table' and s.sql like '%check%'
    or s.type = 'index' and exists (select 1 from pragma_index_list(s.tbl_name, 'main') i
      where i.name = s.name and i."unique"
      and (i.partial or exists (select 1 from pragma_index_xinfo(i.name, 'main') x where x.key and x.cid = -2))))`;

const FOREIGN_KEYS = `
  select s.name, f.id, f."from", f."table", f."to"
    from main.sqlite_schema s join pragma_foreign_key_list(s.name, 'main') f
  where s.type = 'table' and s.rootpage > 0 order by s.name, f.id, f.seq`;

const TRIGGERS = "select tbl_name, name from main.sqlite_schema where type = 'trigger'";

/** The number of tables that one query estimates. */
const TABLES_AT_ONCE = 100;
/** The least bytes of a row. */
const ROW_BYTES = 8;

export async function introspectSqlite(session: Session): Promise<Schema> {
  const draft = new SchemaDraft(lowerCase);
  const tables = (await session.rows(TABLES)).map((row) => cells(row));
  const estimates = await estimatesOf(
    session,
    tables.filter(({ text }) => text(1) === "table").map(({ text, flag }) => ({ name: text(0), hasRowid: !flag(2) })),
  );
  for (const { text, flag } of tables) {
    const [name, type] = [text(0), text(1)];
    if (type === "virtual") {
      const module = /\busing\s+["'`[]?(\w+)/i.exec(text(4))?.[1] ?? "of an unknown module";
      draft.note(`virtual table ${name} (${module}): left out, and the tables behind it`);
    }
    if (type !== "table") continue;
    const table = draft.add(name, { id: name, schema: null, name, estimatedRows: estimates.get(name) ?? 0 });
    if (flag(2)) table.notes.push("WITHOUT ROWID");
    if (flag(3)) table.notes.push("STRICT: refuses values of another type");
  }
  const indexes = (await session.rows(INDEXES)).map(indexPartOf);
  const json = new Set(tables.flatMap(({ text }) => jsonColumns(text(0), text(4))));
  const strict = new Set(tables.flatMap(({ text, flag }) => (flag(3) ? [text(0)] : [])));
  addColumns(draft, await session.rows(COLUMNS), { indexes, json, strict });
  addUniques(draft, indexes);
  addWatched(draft, await session.rows(CONDITIONS));
  addForeignKeys(draft, await session.rows(FOREIGN_KEYS));
  for (const row of await session.rows(TRIGGERS)) {
    const { text } = cells(row);
    draft.get(text(0))?.triggers.push(text(1));
  }
  return await withoutOpenKeys(session, draft.finish("sqlite", session));
}

/** Returns the text columns with the check by which Django marks JSON. */
const jsonColumns = (table: string, sql: string): string[] =>
  [...sql.matchAll(/\bjson_valid\s*\(\s*(?:"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|(\w+))\s*\)/gi)].map(
    ([, quoted, ...others]) => idOf(table, lowerCase(quoted?.replaceAll('""', '"') ?? others.find(Boolean) ?? "")),
  );

/** Drops primary keys that are NULL in some rows, because they cannot identify those rows. */
async function withoutOpenKeys(session: Session, schema: Schema): Promise<Schema> {
  const { quote } = session;
  const open = new Set<string>();
  const asked = schema.tables.flatMap(({ name, columns, primaryKey }) => {
    const nullable = columns.filter((one) => one.nullable && primaryKey?.columns.includes(one.name) === true);
    const isNull = nullable.map((one) => `${quote(one.name)} is null`).join(" or ");
    return nullable.length === 0 ? [] : [{ name, sql: `exists (select 1 from main.${quote(name)} where ${isNull})` }];
  });
  for (let start = 0; start < asked.length; start += TABLES_AT_ONCE) {
    const some = asked.slice(start, start + TABLES_AT_ONCE);
    const [row] = await session.rows(`select ${some.map(({ sql }) => sql).join(", ")}`);
    for (const [index, { name }] of some.entries()) if (cells(row ?? []).flag(index)) open.add(name);
  }
  const tables = schema.tables.map((table) =>
    open.has(table.name)
      ? { ...table, primaryKey: null, notes: [...table.notes.filter((note) => note !== MAY_BE_NULL), IS_NULL] }
      : table,
  );
  return { ...schema, tables };
}

const MAY_BE_NULL = "primary key: may be NULL, more than once";
const IS_NULL = "primary key: NULL in some rows, which it cannot identify, so it is not used as a key";

const lowerCase = (name: string): string => name.toLowerCase();
const idOf = (...names: readonly string[]): string => JSON.stringify(names);

interface IndexPart {
  readonly table: string;
  readonly name: string;
  readonly column: string | null;
  /** `pk`, `u` (a constraint) or `c` (CREATE INDEX). */
  readonly origin: string;
  readonly collation: string;
  /** True for a unique index over all rows. */
  readonly unique: boolean;
}

function indexPartOf(row: Row): IndexPart {
  const { text, maybe, flag } = cells(row);
  const [table, name, column, origin] = [text(0), text(1), maybe(2), text(3)];
  return { table, name, column, origin, collation: text(4), unique: flag(5) };
}

/** Adds columns and primary keys. An INTEGER PRIMARY KEY without an index of its own is the rowid. */
function addColumns(
  draft: SchemaDraft,
  rows: readonly Row[],
  {
    indexes,
    json,
    strict,
  }: {
    readonly indexes: readonly IndexPart[];
    readonly json: ReadonlySet<string>;
    readonly strict: ReadonlySet<string>;
  },
): void {
  const indexed = new Set(indexes.filter(({ origin }) => origin === "pk").map(({ table }) => table));
  const collations = new Map(
    indexes
      .filter(({ column, collation }) => column !== null && collation !== "BINARY")
      .map(({ table, column, collation }) => [idOf(table, column ?? ""), collation]),
  );
  const primary = new Map<string, { column: string; place: number; nullable: boolean; integer: boolean }[]>();
  for (const row of rows) {
    const { text, number } = cells(row);
    const [name, place] = [text(0), number(6)];
    const isJson = json.has(idOf(name, lowerCase(text(1))));
    const asIs = strict.has(name) && /^any$/i.test(text(2));
    const column = { ...columnOf(row, collations.get(idOf(name, text(1))), isJson), ...(asIs && { asIs }) };
    draft.get(name)?.columns.push(column);
    const part = { column: column.name, place, nullable: column.nullable, integer: /^integer$/i.test(text(2)) };
    if (place > 0) primary.set(name, [...(primary.get(name) ?? []), part]);
  }
  for (const [name, unordered] of primary) {
    const table = draft.get(name);
    if (table === undefined) continue;
    const parts = unordered.toSorted((a, b) => a.place - b.place);
    const columns = parts.map(({ column }) => column);
    const flags = { primary: true, constraint: true, nullsNotDistinct: false };
    table.primaryKey = { name: `${table.name}_pkey`, columns, ...flags };
    if (parts.length === 1 && parts[0]?.integer && !indexed.has(name)) {
      const at = table.columns.findIndex((column) => column.name === columns[0]);
      const [column] = table.columns.splice(at, 1);
      if (column) table.columns.splice(at, 0, { ...column, nullable: false, identity: "default", hasDefault: true });
    } else if (parts.some(({ nullable }) => nullable)) {
      table.notes.push(MAY_BE_NULL);
    }
  }
}

function addUniques(draft: SchemaDraft, indexes: readonly IndexPart[]): void {
  const ofExpressions = new Set(
    indexes.filter(({ column }) => column === null).map(({ table, name }) => idOf(table, name)),
  );
  const uniques = indexes.filter(
    ({ table, name, origin, unique }) => unique && origin !== "pk" && !ofExpressions.has(idOf(table, name)),
  );
  const flags = { primary: false, nullsNotDistinct: false };
  draft.addKeys(
    uniques.map(({ table, name, column, origin }) => ({
      ...flags,
      table,
      name,
      column: column ?? "",
      constraint: origin === "u",
    })),
  );
}

/** Adds the columns that conditions use, which only the words of a statement show. */
function addWatched(draft: SchemaDraft, rows: readonly Row[]): void {
  for (const row of rows) {
    const { text } = cells(row);
    const table = draft.get(text(0));
    const conditions = text(1) === "table" ? checksOf(text(2)) : text(2).slice(text(2).indexOf("("));
    if (table !== undefined) draft.addWatched(text(0), namedIn(conditions, table));
  }
}

/** Returns the expression of each CHECK. */
function checksOf(sql: string): string {
  const checks: string[] = [];
  for (const { index } of sql.matchAll(/\bcheck\s*\(/gi)) {
    let depth = 0;
    for (const part of sql.slice(index).matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]/g)) {
      if (part[0] === "(") depth++;
      if (part[0] !== ")" || --depth > 0) continue;
      checks.push(sql.slice(index, index + part.index));
      break;
    }
  }
  return checks.join("\n");
}

/**
 * Adds foreign keys. SQLite does not report their names: they are named as in PostgreSQL, with a number for a second
 * one over the same columns.
 */
function addForeignKeys(draft: SchemaDraft, rows: readonly Row[]): void {
  const keys = new Map<string, { table: string; columns: string[]; parts: Omit<ForeignKeyPart, "name">[] }>();
  for (const row of rows) {
    const { text, maybe } = cells(row);
    const table = text(0);
    const column = draft.columnName(draft.get(table), text(2));
    const key = keys.get(idOf(table, text(1))) ?? { table, columns: [], parts: [] };
    key.columns.push(column);
    key.parts.push({ table, column, target: text(3), targetColumn: maybe(4), deferrable: true });
    keys.set(idOf(table, text(1)), key);
  }
  const taken = new Map<string, number>();
  const named = [...keys.values()].flatMap(({ table, columns, parts }) => {
    const base = `${table}_${columns.join("_")}_fkey`;
    const count = taken.get(idOf(table, base)) ?? 0;
    taken.set(idOf(table, base), count + 1);
    return parts.map((part) => ({ ...part, name: count === 0 ? base : `${base}${count}` }));
  });
  draft.addForeignKeys(named);
}

/**
 * Estimates row counts by ANALYZE, if it ran, else by the span of the rowids. Deleted rows and large ids make the span
 * too high.
 */
async function estimatesOf(
  session: Session,
  tables: readonly { name: string; hasRowid: boolean }[],
): Promise<ReadonlyMap<string, number>> {
  const estimates = new Map<string, number>();
  const analyzed = await session.rows("select 1 from main.sqlite_schema where name = 'sqlite_stat1'");
  if (analyzed.length > 0) {
    const rows = await session.rows("select tbl, max(cast(stat as integer)) from main.sqlite_stat1 group by tbl");
    for (const row of rows) estimates.set(cells(row).text(0), cells(row).number(1));
  }
  const [size] = await session.rows(
    "select page_count * page_size from pragma_page_count('main'), pragma_page_size('main')",
  );
  const most = Math.floor(cells(size ?? []).number(0) / ROW_BYTES);
  const others = tables.filter(({ name, hasRowid }) => hasRowid && !estimates.has(name));
  for (let start = 0; start < others.length; start += TABLES_AT_ONCE) {
    const names = others.slice(start, start + TABLES_AT_ONCE).map(({ name }) => name);
    const spans = names.map((name) => {
      const from = `from main.${session.quote(name)}`;
      return `(select max(_rowid_) ${from}) - (select min(_rowid_) ${from}) + 1`;
    });
    const [row] = await session.rows(`select ${spans.join(", ")}`);
    for (const [index, name] of names.entries())
      estimates.set(name, Math.floor(Math.min(cells(row ?? []).number(index), most)));
  }
  return estimates;
}

function columnOf(row: Row, collation: string | undefined, isJson: boolean): Column {
  const { text, maybe, number, flag } = cells(row);
  const [native, hidden, byDefault] = [text(2), number(5), maybe(4)];
  const declared = kindOf(native);
  const kind = isJson && declared === "text" ? "json" : declared;
  const generated = hidden === 2 || hidden === 3;
  return {
    name: text(1),
    kind,
    native,
    nullable: !flag(3),
    generated,
    hasDefault: !generated && byDefault !== null && !/^\(?null\)?$/i.test(byDefault),
    ...given({ collation: kind === "text" ? collation : undefined, ...sizeOf(kind, native) }),
  };
}
