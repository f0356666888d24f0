/** Columns that an export leaves out, and columns in which something else travels than what they hold. */
import { randomBytes } from "node:crypto";
import type { PlainValue, ReplacementSetting } from "../../config/portable-refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { findColumn, findTable } from "../schema/names.ts";
import type { Column, Schema, Table, TableId } from "../schema/tables.ts";
import { decode, type JsonValue } from "../values/codec.ts";

/** Gives what travels in place of a value, once for each row. */
export type Replacement = () => JsonValue;

export interface ColumnsRequest {
  /** Columns by table. */
  readonly excludeColumns?: Readonly<Record<string, readonly string[]>>;
  /** What stands in a column, by table and column. */
  readonly replace?: Readonly<Record<string, Readonly<Record<string, ReplacementSetting>>>>;
}

export interface RefinedColumns {
  /** Without the columns that are left out, nor what is made of them. */
  readonly schema: Schema;
  readonly leftOut: ReadonlyMap<TableId, readonly string[]>;
  readonly replaced: ReadonlyMap<TableId, ReadonlyMap<string, Replacement>>;
  readonly warnings: ReadonlyMap<TableId, readonly string[]>;
}

/**
 * What the config says of columns, as this schema has them. Throws `E_CONFIG` for a table or column that is not there, one by which rows are numbered or
 * pointed to, and a value that the column cannot hold.
 */
export function refineColumns(schema: Schema, { excludeColumns = {}, replace = {} }: ColumnsRequest): RefinedColumns {
  const leftOut = new Map<TableId, string[]>();
  const replaced = new Map<TableId, Map<string, Replacement>>();
  const warnings = new Map<TableId, string[]>();
  for (const [name, columns] of Object.entries(excludeColumns)) {
    const where = `exclude_columns.${name}`;
    const table = findTable(schema, name, "exclude_columns");
    for (const one of columns) {
      const column = findColumn(table, one, where);
      refuseNeeded(schema, table, column, where);
      append(leftOut, table.id, column.name);
      if (!column.nullable && !column.hasDefault && column.identity === undefined && !column.generated)
        append(
          warnings,
          table.id,
          `${table.id}.${column.name} is left out, may not be NULL and has no default: an import of new rows needs one, under portable.defaults`,
        );
    }
  }
  for (const [name, values] of Object.entries(replace)) {
    const where = `replace.${name}`;
    const table = findTable(schema, name, "replace");
    const own = new Map<string, Replacement>();
    for (const [one, setting] of Object.entries(values)) {
      const column = findColumn(table, one, where);
      if (leftOut.get(table.id)?.includes(column.name) === true)
        throw new HoldfastError("E_CONFIG", `${where}.${one} is left out by exclude_columns: it cannot be replaced`);
      refuseNeeded(schema, table, column, where);
      refuseLink(table, column, where);
      const key = `${where}.${one}`;
      refuseSame(table, column, setting, key);
      own.set(column.name, replacementOf(schema, column, setting, key));
    }
    replaced.set(table.id, own);
  }
  return { schema: withoutColumns(schema, leftOut), leftOut, replaced, warnings };
}

/** Rows are found by their keys. Throws `E_CONFIG`. */
export function refuseReplacedKey(table: TableId, key: readonly string[], { replaced }: RefinedColumns): void {
  const [name] = key.filter((one) => replaced.get(table)?.has(one));
  if (name !== undefined)
    throw new HoldfastError("E_CONFIG", `replace.${table}: ${name} is in the key by which its rows are told apart`, {
      hint: "name another key under portable.keys",
    });
}

/** A value of the config as one of this column. Throws `E_CONFIG` where it cannot hold it; `where` is the key that names it. */
export function settingOf(schema: Schema, column: Column, value: PlainValue, where: string): JsonValue {
  if (value === null) {
    if (column.nullable) return null;
    throw new HoldfastError("E_CONFIG", `${where} is NULL, which the column may not be`);
  }
  const travels = column.kind === "decimal" && typeof value === "number" ? String(value) : value;
  try {
    decode(schema.engine, column, travels);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError("E_CONFIG", `${where} ${error.message}`, { cause: error });
  }
  return travels;
}

/** What a setting puts into a column. Throws like `settingOf`, and where a column has no room for a password. */
export function replacementOf(schema: Schema, column: Column, setting: ReplacementSetting, where: string): Replacement {
  if (typeof setting === "object" && setting !== null) {
    if (column.kind !== "text" || (column.length ?? Number.POSITIVE_INFINITY) < UNUSABLE)
      throw new HoldfastError("E_CONFIG", `${where}: an unusable password needs a text of ${UNUSABLE} characters`);
    return unusablePassword;
  }
  const value = settingOf(schema, column, setting, where);
  return () => value;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UNUSABLE = 41;

/** As Django's `make_password(None)` writes it: `!`, which no hash begins with, and forty letters and digits. */
export function unusablePassword(): string {
  let text = "!";
  while (text.length < UNUSABLE)
    for (const byte of randomBytes(64)) {
      // Bytes from 248 on would make the first letters likelier than the others.
      if (byte < LETTERS.length * 4 && text.length < UNUSABLE) text += LETTERS[byte % LETTERS.length] ?? "";
    }
  return text;
}

function refuseSame({ uniques }: Table, { name }: Column, setting: ReplacementSetting, where: string): void {
  const isSame = setting !== null && typeof setting !== "object";
  if (isSame && uniques.some(({ columns }) => columns.length === 1 && columns[0] === name))
    throw new HoldfastError("E_CONFIG", `${where} is unique: one value cannot stand in every row`);
}

/** The numbers of rows, and what other rows point to, are how an import finds them. */
function refuseNeeded(schema: Schema, table: Table, { name }: Column, where: string): void {
  if (table.primaryKey?.columns.includes(name) === true)
    throw new HoldfastError("E_CONFIG", `${where}: ${name} is in the primary key, which travels as it is`);
  const user = schema.tables.find(({ foreignKeys }) =>
    foreignKeys.some(({ target, targetColumns }) => target === table.id && targetColumns.includes(name)),
  );
  if (user !== undefined)
    throw new HoldfastError("E_CONFIG", `${where}: ${user.id} points to ${name}, which travels as it is`);
}

function refuseLink({ foreignKeys }: Table, { name, generated }: Column, where: string): void {
  if (generated) throw new HoldfastError("E_CONFIG", `${where}: ${name} is computed by the database`);
  if (foreignKeys.some(({ columns }) => columns.includes(name)))
    throw new HoldfastError("E_CONFIG", `${where}: ${name} links to a row, and only values can be replaced`, {
      hint: "leave it out with exclude_columns",
    });
}

function withoutColumns(schema: Schema, leftOut: ReadonlyMap<TableId, readonly string[]>): Schema {
  if (leftOut.size === 0) return schema;
  return {
    ...schema,
    tables: schema.tables.map((table): Table => {
      const gone = leftOut.get(table.id);
      if (gone === undefined) return table;
      const stays = ({ columns }: { readonly columns: readonly string[] }): boolean =>
        !columns.some((name) => gone.includes(name));
      return {
        ...table,
        columns: table.columns.filter(({ name }) => !gone.includes(name)),
        uniques: table.uniques.filter(stays),
        foreignKeys: table.foreignKeys.filter(stays),
      };
    }),
  };
}

function append<K>(map: Map<K, string[]>, key: K, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
