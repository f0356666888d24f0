/** Rules for the columns that an export omits and the values that it replaces. */
import { portableEngine } from "../engines/registry.ts";
import { randomBytes } from "node:crypto";
import type { PlainValue, ReplacementSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { findColumn, findTable } from "../schema/names.ts";
import type { Column, Schema, Table, TableId } from "../schema/tables.ts";
import { decode } from "../values/decode.ts";
import type { JsonValue } from "../format/value.ts";

/** Returns the value exported in place of the stored one; called once per row. */
export type Replacement = () => JsonValue;

export interface ColumnsRequest {
  /** Column names by table. */
  readonly excludeColumns?: Readonly<Record<string, readonly string[]>>;
  /** Replacement values by table and column. */
  readonly replace?: Readonly<Record<string, Readonly<Record<string, ReplacementSetting>>>>;
}

export interface RefinedColumns {
  /** The schema without the omitted columns and the constraints that use them. */
  readonly schema: Schema;
  readonly leftOut: ReadonlyMap<TableId, readonly string[]>;
  readonly replaced: ReadonlyMap<TableId, ReadonlyMap<string, Replacement>>;
  readonly warnings: ReadonlyMap<TableId, readonly string[]>;
}

/**
 * Applies the column rules of the config to a schema. Throws `E_CONFIG` for an unknown table or column, for a column
 * that is part of a primary key or referenced by a foreign key, and for a value that the column cannot hold.
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
      assertNotReferenced(schema, table, column, where);
      append(leftOut, table.id, column.name);
      if (!column.nullable && !column.hasDefault && column.identity === undefined && !column.generated)
        append(
          warnings,
          table.id,
          `${table.id}.${column.name} is omitted, but is NOT NULL and has no default: ` +
            "set a value under portable.defaults to import new rows",
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
      assertNotReferenced(schema, table, column, where);
      assertPlainValue(table, column, where);
      const key = `${where}.${one}`;
      assertNotUnique(table, column, setting, key);
      own.set(column.name, replacementOf(schema, column, setting, key));
    }
    replaced.set(table.id, own);
  }
  return { schema: withoutColumns(schema, leftOut), leftOut, replaced, warnings };
}

/** Throws `E_CONFIG` if a column of the exported key is replaced: an import finds rows by their keys. */
export function assertKeyNotReplaced(table: TableId, key: readonly string[], { replaced }: RefinedColumns): void {
  const [name] = key.filter((one) => replaced.get(table)?.has(one));
  if (name !== undefined)
    throw new HoldfastError("E_CONFIG", `replace.${table}: ${name} is part of the key that identifies the rows`, {
      hint: "choose another key under portable.keys",
    });
}

/**
 * Converts a value of the config for a column. Throws `E_CONFIG` if the column cannot hold it; `where` is the config
 * key.
 */
export function settingOf(schema: Schema, column: Column, value: PlainValue, where: string): JsonValue {
  if (value === null) {
    if (column.nullable) return null;
    throw new HoldfastError("E_CONFIG", `${where} is NULL, but the column is NOT NULL`);
  }
  const exported = column.kind === "decimal" && typeof value === "number" ? String(value) : value;
  try {
    decode(portableEngine(schema.engine).values, column, exported);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError("E_CONFIG", `${where} ${error.message}`, { cause: error });
  }
  return exported;
}

/**
 * Returns the replacement that a setting defines. Throws like `settingOf`, and if a column is too short for an unusable
 * password.
 */
export function replacementOf(schema: Schema, column: Column, setting: ReplacementSetting, where: string): Replacement {
  if (typeof setting === "object" && setting !== null) {
    if (column.kind !== "text" || (column.length ?? Number.POSITIVE_INFINITY) < UNUSABLE)
      throw new HoldfastError(
        "E_CONFIG",
        `${where}: an unusable password needs a text column of at least ${UNUSABLE} characters`,
      );
    return unusablePassword;
  }
  const value = settingOf(schema, column, setting, where);
  return () => value;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UNUSABLE = 41;

/**
 * Returns an unusable password like Django's `make_password(None)`: `!`, which no hash begins with, and forty letters
 * and digits.
 */
export function unusablePassword(): string {
  let text = "!";
  while (text.length < UNUSABLE)
    for (const byte of randomBytes(64)) {
      // Bytes from 248 on would make the first letters likelier than the others.
      if (byte < LETTERS.length * 4 && text.length < UNUSABLE) text += LETTERS[byte % LETTERS.length] ?? "";
    }
  return text;
}

function assertNotUnique({ uniques }: Table, { name }: Column, setting: ReplacementSetting, where: string): void {
  const isSame = setting !== null && typeof setting !== "object";
  if (isSame && uniques.some(({ columns }) => columns.length === 1 && columns[0] === name))
    throw new HoldfastError("E_CONFIG", `${where} is a unique column: it cannot have the same value in every row`);
}

/** Throws `E_CONFIG` for columns of the primary key and referenced columns: an import finds rows by them. */
function assertNotReferenced(schema: Schema, table: Table, { name }: Column, where: string): void {
  if (table.primaryKey?.columns.includes(name) === true)
    throw new HoldfastError("E_CONFIG", `${where}: ${name} is part of the primary key, which is exported unchanged`);
  const user = schema.tables.find(({ foreignKeys }) =>
    foreignKeys.some(({ target, targetColumns }) => target === table.id && targetColumns.includes(name)),
  );
  if (user !== undefined)
    throw new HoldfastError("E_CONFIG", `${where}: ${user.id} references ${name}, which is exported unchanged`);
}

function assertPlainValue({ foreignKeys }: Table, { name, generated }: Column, where: string): void {
  if (generated) throw new HoldfastError("E_CONFIG", `${where}: ${name} is computed by the database`);
  if (foreignKeys.some(({ columns }) => columns.includes(name)))
    throw new HoldfastError("E_CONFIG", `${where}: ${name} is a foreign key, and only plain values can be replaced`, {
      hint: "omit it with exclude_columns",
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
