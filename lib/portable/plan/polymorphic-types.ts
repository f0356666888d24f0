/** Reads which tables the generic relations of a database reference, from the types in its rows. */
import pluralize from "pluralize";
import type { GenericSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import {
  polymorphicTarget,
  TYPE_COLUMNS,
  typeTable,
  type PolymorphicRelation,
  type PolymorphicTarget,
} from "../rows/polymorphic.ts";
import { findColumn, findTable, fold } from "../schema/names.ts";
import { rowsOf, tableName } from "../engine/sql-names.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";

export interface ReadGenerics {
  readonly relations: ReadonlyMap<TableId, readonly PolymorphicRelation[]>;
  readonly warnings: readonly string[];
}

/**
 * Reads the targets of the configured generic relations. Throws `E_CONFIG` for an unknown table or column, or a column
 * with a foreign key.
 */
export async function readGenerics(
  connection: Connection,
  schema: Schema,
  settings: readonly GenericSetting[],
): Promise<ReadGenerics> {
  const relations = new Map<TableId, PolymorphicRelation[]>();
  const warnings: string[] = [];
  for (const { table: name, type, id, types } of settings) {
    const table = findTable(schema, name, "generic");
    const where = `generic.${name}`;
    const column = findColumn(table, id, where).name;
    findColumn(table, type, where);
    if (column === type || table.foreignKeys.some(({ columns }) => columns.includes(column)))
      throw new HoldfastError("E_CONFIG", `${where}: ${column} cannot be the id of a generic relation`, {
        hint: "set id to the column with the primary key, and type to the one that names the table",
      });
    if (table.primaryKey?.columns.includes(column) === true)
      throw new HoldfastError("E_CONFIG", `${where}: ${column} is in the primary key`);
    const targets: PolymorphicTarget[] = [];
    for (const said of await typesOf(connection, schema, table, type)) {
      const explicit = types[said];
      const target = explicit === undefined ? tableOfType(schema, table, said) : findTable(schema, explicit, where);
      const found = target && polymorphicTarget(table, column, target, said, target.id);
      if (found !== undefined) targets.push(found);
      else
        warnings.push(
          `${table.id}: no table with a single-column primary key for the type ${said}: ` +
            `its ${column} is exported unchanged`,
        );
    }
    relations.set(table.id, [...(relations.get(table.id) ?? []), { column, type, targets }]);
  }
  return { relations, warnings };
}

async function typesOf(connection: Connection, schema: Schema, table: Table, type: string): Promise<string[]> {
  const { quote } = connection;
  const found = typeTable(schema, table, type);
  if (found === undefined) {
    const column = quote(type);
    const rows = await connection.rows(
      `select distinct ${column} from ${rowsOf(connection, table)} where ${column} is not null order by 1`,
    );
    return rows.map(([text]) => String(text));
  }
  const [target = ""] = found.link.targetColumns;
  const names = TYPE_COLUMNS.map((name) => `c.${quote(name)}`).join(", ");
  const rows = await connection.rows(
    `select ${names} from ${tableName(connection, found.table)} as c where exists ` +
      `(select 1 from ${rowsOf(connection, table)} as t where t.${quote(type)} = c.${quote(target)}) order by 1, 2`,
  );
  return rows.map((row) => row.join("."));
}

/**
 * Finds a table by the type names of frameworks: Django's `app.model`, Rails' `Blog::Post`, Laravel's
 * `App\Models\Post`, or its own name.
 */
function tableOfType(schema: Schema, from: Table, type: string): Table | undefined {
  const last = type.split(/::|\\|\./).at(-1) ?? type;
  const joined = type.replaceAll(/::|\\|\./g, "_");
  const names = type.includes(".") ? [type, joined, ...plurals(last)] : [type, ...plurals(joined), ...plurals(last)];
  for (const name of names) {
    const wanted = fold(name);
    const found = schema.tables.filter((table) => table.id === name || fold(table.name) === wanted);
    const near = found.length > 1 ? found.filter((table) => table.schema === from.schema) : found;
    if (near.length === 1) return near[0];
  }
  return undefined;
}

const plurals = (name: string): string[] => [name, pluralize(name), `${name}s`];
