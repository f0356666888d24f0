/** What leads to the rows of a table, and how it is led to others of them. */
import type { Cell, Connection } from "../connection.ts";
import { columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import {
  numberOf,
  sameNumber,
  TYPE_COLUMNS,
  typeTable,
  type PolymorphicTarget,
  type PolymorphicRelations,
} from "../rows/polymorphic.ts";
import { tableName } from "../schema/sql-names.ts";

/** Columns of a table that hold values of columns of another one. */
export interface Move {
  readonly table: Table;
  readonly columns: readonly string[];
  readonly targetColumns: readonly string[];
  /** Where the columns lead to a table between, whose key holds the link. */
  readonly via?: ForeignKey;
  readonly generic?: { readonly type: string; readonly target: PolymorphicTarget };
}

/** A foreign key of a table to look at again, as `suspendForeignKeys` wants it. */
export interface LateLink {
  readonly table: Table;
  readonly link: ForeignKey;
}

/** Foreign keys into a table, those that hold them in a key of their own, and generic relations. */
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
      moves.push(carried); // those that hold this one follow
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
  // Rows of the table itself come last: only then is it known what of it stays.
  return moves.toSorted((a, b) => Number(a.table.id === target.id) - Number(b.table.id === target.id));
}

const idOf = ({ table, columns, targetColumns }: Move): string => JSON.stringify([table.id, columns, targetColumns]);

/** Also those of other schemas, in the order of the tables. */
export const linksInto = (schema: Schema, { id }: Table): LateLink[] =>
  schema.tables.flatMap((table) =>
    table.foreignKeys.filter(({ target }) => target === id).map((link) => ({ table, link })),
  );

/** All tables whose rows may have to change, the table itself among them, and the links that cannot hold until all of them have. */
export function reach(
  schema: Schema,
  generics: PolymorphicRelations,
  start: Table,
): { tables: Table[]; late: LateLink[] } {
  const tables = new Map<TableId, Table>([[start.id, start]]);
  const late = new Map<string, LateLink>();
  for (const one of tables.values())
    // grows as it is read
    for (const { table, via } of movesInto(schema, generics, one)) {
      tables.set(table.id, table);
      if (via !== undefined) late.set(`${table.id} ${via.name}`, { table, link: via });
    }
  return { tables: [...tables.values()], late: [...late.values()] };
}

/** A condition on a row `t` of the table: its generic relation is of this type. Empty for a foreign key. */
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
    sql: `exists (select 1 from ${tableName(connection, types.table)} as c where c.${quote(types.link.targetColumns[0] ?? "")} = t.${quote(generic.type)} and ${names})`,
    parameters: [type.slice(0, at), type.slice(at + 1)],
  };
}

/** A row `t` holds what `alias` has in `names`, which stand for the target's columns. */
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
  const number = { ...numberOf(target, move.generic.target.link), name: names[0] ?? "" };
  return sameNumber(connection, alias, number, columnOf(move.table, move.columns[0] ?? ""));
}

/** What `expression`, a value of the target's column, is in the column that holds it. */
export function heldAs({ engine }: Connection, move: Move, target: Table, at: number, expression: string): string {
  const held = columnOf(move.table, move.columns[at] ?? "");
  const column = columnOf(target, move.targetColumns[at] ?? "");
  if (move.generic === undefined || held.kind === column.kind) return expression;
  return `cast(${expression} as ${engine === "mysql" || engine === "mariadb" ? "char" : "text"})`;
}
