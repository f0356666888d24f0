/** Finds the references to the rows of a table, and the SQL that redirects them. */
import type { Connection } from "../engine/connection.ts";
import type { Cell } from "../engine/session.ts";
import { columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import {
  idColumnOf,
  sameId,
  TYPE_COLUMNS,
  typeTable,
  type PolymorphicTarget,
  type PolymorphicRelations,
} from "../rows/polymorphic.ts";
import { tableName } from "../engine/sql-names.ts";

/** Columns of a table that hold the values of another table's columns. */
export interface Move {
  readonly table: Table;
  readonly columns: readonly string[];
  readonly targetColumns: readonly string[];
  /** The foreign key to an intermediate table that holds the reference in its own key. */
  readonly via?: ForeignKey;
  readonly generic?: { readonly type: string; readonly target: PolymorphicTarget };
}

/** A foreign key to check late, as `suspendForeignKeys` expects it. */
export interface LateLink {
  readonly table: Table;
  readonly link: ForeignKey;
}

/** Returns the foreign keys into a table, those that carry them in a key of their own, and generic relations. */
export function movesInto(schema: Schema, generics: PolymorphicRelations, target: Table): Move[] {
  const moves: Move[] = linksInto(schema, target).map(({ table, link }) => ({
    table,
    columns: link.columns,
    targetColumns: link.targetColumns,
  }));
  const known = new Set(moves.map(idOf));
  for (const move of moves)
    for (const { table, link } of linksInto(schema, move.table)) {
      const at = move.columns.map((name) => link.targetColumns.indexOf(name));
      if (at.includes(-1)) continue;
      const columns = at.map((one) => link.columns[one] ?? "");
      const carried: Move = { table, columns, targetColumns: move.targetColumns, via: link };
      if (known.has(idOf(carried))) continue;
      known.add(idOf(carried));
      moves.push(carried); // the loop then visits the foreign keys that carry this one
    }
  for (const [id, relations] of generics) {
    const table = schema.tables.find((one) => one.id === id);
    for (const { type, targets } of relations)
      for (const one of targets)
        if (table !== undefined && one.link.target === target.id)
          moves.push({
            table,
            columns: one.link.columns,
            targetColumns: one.link.targetColumns,
            generic: { type, target: one },
          });
  }
  // Rows of the table itself come last: only then is it known which of them stay.
  return moves.toSorted((a, b) => Number(a.table.id === target.id) - Number(b.table.id === target.id));
}

const idOf = ({ table, columns, targetColumns }: Move): string => JSON.stringify([table.id, columns, targetColumns]);

/** Returns the foreign keys into a table, from other schemas too, in the order of the tables. */
export const linksInto = (schema: Schema, { id }: Table): LateLink[] =>
  schema.tables.flatMap((table) =>
    table.foreignKeys.filter(({ target }) => target === id).map((link) => ({ table, link })),
  );

/**
 * Returns all tables with rows that may change, `start` among them, and the foreign keys that hold only after all
 * changes.
 */
export function reach(
  schema: Schema,
  generics: PolymorphicRelations,
  start: Table,
): { tables: Table[]; late: LateLink[] } {
  const tables = new Map<TableId, Table>([[start.id, start]]);
  const late = new Map<string, LateLink>();
  for (const one of tables.values())
    // the map grows during the loop
    for (const { table, via } of movesInto(schema, generics, one)) {
      tables.set(table.id, table);
      if (via !== undefined) late.set(`${table.id} ${via.name}`, { table, link: via });
    }
  return { tables: [...tables.values()], late: [...late.values()] };
}

/** Returns the condition that the generic relation of a row `t` has this type; empty for a foreign key. */
export function typeCondition(
  connection: Connection,
  schema: Schema,
  { table, generic }: Move,
): { readonly sql: string; readonly parameters: readonly Cell[] } {
  if (generic === undefined) return { sql: "", parameters: [] };
  const { quote } = connection;
  const { type } = generic.target;
  const types = typeTable(schema, table, generic.type);
  if (types === undefined) return { sql: `t.${quote(generic.type)} = ?`, parameters: [type] };
  const at = type.indexOf(".");
  const names = TYPE_COLUMNS.map((name) => `c.${quote(name)} = ?`).join(" and ");
  return {
    sql:
      `exists (select 1 from ${tableName(connection, types.table)} as c ` +
      `where c.${quote(types.link.targetColumns[0] ?? "")} = t.${quote(generic.type)} and ${names})`,
    parameters: [type.slice(0, at), type.slice(at + 1)],
  };
}

/** Returns the condition that a row `t` holds the values of `alias` in `names`, which replace the target's columns. */
export function heldBy(
  connection: Connection,
  move: Move,
  target: Table,
  alias: string,
  names: readonly string[],
): string {
  const { quote } = connection;
  if (move.generic === undefined)
    return move.columns.map((name, at) => `t.${quote(name)} = ${alias}.${quote(names[at] ?? "")}`).join(" and ");
  const number = { ...idColumnOf(target, move.generic.target.link), name: names[0] ?? "" };
  return sameId(connection, alias, number, columnOf(move.table, move.columns[0] ?? ""));
}

/** Converts `expression`, a value of the target's column, to the column that holds it. */
export function heldAs({ engine }: Connection, move: Move, target: Table, at: number, expression: string): string {
  const held = columnOf(move.table, move.columns[at] ?? "");
  const column = columnOf(target, move.targetColumns[at] ?? "");
  if (move.generic === undefined || held.kind === column.kind) return expression;
  return engine.dialect.asText(expression);
}
