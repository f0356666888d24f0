/** Generic relations: a column that holds the number of a row, in a table that another column tells by its name. */
import type { Connection } from "../connection.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import { fold } from "../schema/names.ts";

/** Rows of one type, and where they are. */
export interface PolymorphicTarget {
  /** What the type column says: its text, or `app_label.model` of the row that it leads to. */
  readonly type: string;
  /** How the export calls the table. */
  readonly as: string;
  /** From the column to the table's primary key: no constraint of the database, but followed like one. */
  readonly link: ForeignKey;
}

export interface PolymorphicRelation {
  /** The column with the number. */
  readonly column: string;
  /** The column that tells the table. */
  readonly type: string;
  readonly targets: readonly PolymorphicTarget[];
}

/** By the table that has them. */
export type PolymorphicRelations = ReadonlyMap<TableId, readonly PolymorphicRelation[]>;

/** `undefined` where the target's rows have no number of their own: no primary key, or one of several columns. */
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

/** The schema with generic relations as if they were foreign keys: what must come first. */
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

/** The foreign key of a type column that leads to a table of types, as Django has it, and that table. */
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

/** Whether the column of `t` holds the number `alias` has, whatever the types of both: each engine finds it by its index. */
export function sameNumber(
  { engine, quote }: Pick<Connection, "engine" | "quote">,
  alias: string,
  number: Column,
  held: Column,
): string {
  const [there, here] = [`${alias}.${quote(number.name)}`, `t.${quote(held.name)}`];
  const isNumber = number.kind === "integer";
  if (isNumber === (held.kind === "integer"))
    return engine === "postgresql" && number.kind !== held.kind
      ? `${there}::text = lower(${here}::text)`
      : `${there} = ${here}`;
  if (!isNumber) return "1 = 0";
  const guarded = (test: string, cast: string): string => `${there} = case when ${test} then ${cast} end`;
  if (engine === "sqlite")
    return guarded(`${here} = cast(cast(${here} as integer) as text)`, `cast(${here} as integer)`);
  return engine === "postgresql"
    ? guarded(`${here}::text ~ ${DIGITS}`, `${here}::text::bigint`)
    : guarded(`${here} regexp ${DIGITS}`, `cast(${here} as signed)`);
}

/** No more than 64 bits take, without the question mark that some drivers take for a parameter. */
const DIGITS = "'^(0|[1-9][0-9]{0,17}|-[1-9][0-9]{0,17})$'";

/** Pairs of columns that look like a generic relation, and are none by the config. */
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
      `${table.id}: ${type.name} and ${held.name} look like a generic relation, whose numbers travel as they are: name it under portable.generic, as { table: ${table.name}, type: ${type.name}, id: ${held.name} }`,
    ];
  });
}

/** The numbers of a relation's target. */
export const numberOf = (target: Table, { targetColumns: [name = ""] }: ForeignKey): Column => columnOf(target, name);
