/** Foreign keys that the config declares where the database has none (`portable.foreign_keys`). */
import type { ForeignKeySettings } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table } from "./tables.ts";
import { findColumn, findTable } from "./names.ts";

/**
 * Returns the schema with the declared foreign keys, and with `notForeignKeys` where the config says false. Throws
 * `E_CONFIG` for an unknown table or column, a column that already has a foreign key, and one that cannot hold the
 * values of the primary key.
 */
export function withDeclared(schema: Schema, settings: ForeignKeySettings = {}): Schema {
  const declared = new Map<string, { links: ForeignKey[]; none: string[] }>();
  for (const [name, columns] of Object.entries(settings)) {
    const table = findTable(schema, name, "foreign_keys");
    const own = declared.get(table.id) ?? { links: [], none: [] };
    declared.set(table.id, own);
    for (const [one, target] of Object.entries(columns)) {
      const where = `foreign_keys.${name}`;
      const column = findColumn(table, one, where);
      assertNoForeignKey(table, column, where);
      if (target === false) own.none.push(column.name);
      else own.links.push(linkTo(table, column, findTable(schema, target, `${where}.${one}`), `${where}.${one}`));
    }
  }
  return withTables(schema, (table) => {
    const own = declared.get(table.id);
    if (own === undefined) return table;
    return { ...table, foreignKeys: [...table.foreignKeys, ...own.links], notForeignKeys: own.none };
  });
}

/**
 * Returns the schema with `notForeignKeys` by `isNone`. Names that only the config knows are ignored, as an import
 * needs.
 */
export const withoutReferences = (schema: Schema, isNone: (table: Table, column: string) => boolean): Schema =>
  withTables(schema, (table) => {
    const none = table.columns.flatMap(({ name }) => (isNone(table, name) ? [name] : []));
    return none.length === 0 ? table : { ...table, notForeignKeys: [...(table.notForeignKeys ?? []), ...none] };
  });

const withTables = (schema: Schema, change: (table: Table) => Table): Schema => ({
  ...schema,
  tables: schema.tables.map(change),
});

function assertNoForeignKey({ id, foreignKeys }: Table, { name }: Column, where: string): void {
  const link = foreignKeys.find(({ columns }) => columns.includes(name));
  if (link !== undefined)
    throw new HoldfastError("E_CONFIG", `${where}: ${id}.${name} has a foreign key to ${link.target} in the database`, {
      hint: "remove the column from portable.foreign_keys",
    });
}

function linkTo(table: Table, column: Column, target: Table, where: string): ForeignKey {
  const [number, ...more] = target.primaryKey?.columns ?? [];
  if (number === undefined || more.length > 0)
    throw new HoldfastError("E_CONFIG", `${where}: ${target.id} has no primary key of one column`);
  const key = columnOf(target, number);
  if (kindGroupOf(key) !== kindGroupOf(column))
    throw new HoldfastError(
      "E_CONFIG",
      `${where}: the column holds ${column.kind} values, the primary key of ${target.id} ${key.kind} values`,
      { hint: "set it to false, or omit the column with portable.exclude_columns" },
    );
  return {
    name: `${table.name}.${column.name}`,
    columns: [column.name],
    target: target.id,
    targetColumns: [number],
    deferrable: false,
    declared: true,
  };
}

/** Returns the kind group of a column: every engine can compare two columns of one group. */
export const kindGroupOf = ({ kind }: Column): string => (kind === "decimal" ? "integer" : kind);
