/** Generic relations: a column that holds the primary key of a row, beside a column that names the row's table. */
import type { Connection } from "../engine/connection.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import { fold } from "../schema/names.ts";

/** The rows of one type, and their table. */
export interface PolymorphicTarget {
  /** The value of the type column: its text, or `app_label.model` of the referenced content type. */
  readonly type: string;
  /** The table's name in the export. */
  readonly as: string;
  /**
   * The reference from the column to the table's primary key: not a constraint of the database, but followed like one.
   */
  readonly link: ForeignKey;
}

export interface PolymorphicRelation {
  /** The column with the primary key. */
  readonly column: string;
  /** The column that names the table. */
  readonly type: string;
  readonly targets: readonly PolymorphicTarget[];
}

/** Generic relations by the table that has them. */
export type PolymorphicRelations = ReadonlyMap<TableId, readonly PolymorphicRelation[]>;

/** Returns a target of a generic relation; undefined for a table without a primary key of one column. */
export function polymorphicTarget(
  from: Table,
  column: string,
  target: Table,
  type: string,
  as: string,
): PolymorphicTarget | undefined {
  const [number, ...more] = target.primaryKey?.columns ?? [];
  if (number === undefined || more.length > 0) return undefined;
  const name = `${from.name}.${column}:${type}`;
  return { type, as, link: { name, columns: [column], target: target.id, targetColumns: [number], deferrable: false } };
}

/** Returns the schema with generic relations added as foreign keys, which order the tables. */
export function withPolymorphic(schema: Schema, generics: PolymorphicRelations): Schema {
  if (generics.size === 0) return schema;
  return {
    ...schema,
    tables: schema.tables.map((table) => ({
      ...table,
      foreignKeys: [
        ...table.foreignKeys,
        ...(generics.get(table.id) ?? []).flatMap(({ targets }) => targets.map(({ link }) => link)),
      ],
    })),
  };
}

/** Finds the foreign key of a type column to a table of types, as in Django, and that table. */
export function typeTable(schema: Schema, table: Table, type: string): { link: ForeignKey; table: Table } | undefined {
  for (const link of table.foreignKeys) {
    const target = schema.tables.find(({ id }) => id === link.target);
    const names = target?.columns.map(({ name }) => name) ?? [];
    const isOne = link.columns.length === 1 && link.columns[0] === type;
    if (target !== undefined && isOne && TYPE_COLUMNS.every((name) => names.includes(name)))
      return { link, table: target };
  }
  return undefined;
}

export const TYPE_COLUMNS = ["app_label", "model"] as const;

/**
 * Returns the condition that the column of `t` holds the primary key of `alias`, for columns of any types. Each engine
 * can use its index for it.
 */
export function sameId(
  { engine, quote }: Pick<Connection, "engine" | "quote">,
  alias: string,
  number: Column,
  held: Column,
): string {
  const id = { sql: `${alias}.${quote(number.name)}`, column: number };
  const value = { sql: `t.${quote(held.name)}`, column: held };
  const isNumber = number.kind === "integer";
  if (isNumber === (held.kind === "integer")) return engine.dialect.sameId(id, value);
  return isNumber ? engine.dialect.isIdInText(id.sql, value.sql) : "1 = 0";
}

/** Returns a warning for each pair of columns that looks like a generic relation and is not configured. */
export function suspectedPolymorphic(schema: Schema, table: Table, generics: PolymorphicRelations): string[] {
  const known = new Set(generics.get(table.id)?.map(({ column }) => column));
  const linked = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
  const byName = new Map(table.columns.map((column) => [fold(column.name), column]));
  return table.columns.flatMap((type): string[] => {
    const name = fold(type.name);
    const isDjango = typeTable(schema, table, type.name) !== undefined || name === "contenttypeid";
    const isPair = /.type$/.test(name) && ["text", "enum"].includes(type.kind) && !linked.has(type.name);
    const held = isDjango
      ? (byName.get(name.replace("contenttypeid", "objectid")) ?? byName.get("objectid"))
      : isPair
        ? byName.get(name.replace(/type$/, "id"))
        : undefined;
    if (held === undefined || held === type || known.has(held.name) || linked.has(held.name)) return [];
    return [
      `${table.id}: ${type.name} and ${held.name} look like a generic relation, but its ids are exported unchanged: ` +
        `declare it under portable.generic as { table: ${table.name}, type: ${type.name}, id: ${held.name} }`,
    ];
  });
}

/** Returns the primary key column of a relation's target. */
export const idColumnOf = (target: Table, { targetColumns: [name = ""] }: ForeignKey): Column => columnOf(target, name);
