/** Which rows of a table are duplicates, which one of each group stays, and what leads to the others. Nothing is changed. */
import type { ForeignKeySettings, GenericSetting } from "../../config/portable-refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { Cell, Connection } from "../connection.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { columnOf, type Column, type Schema, type Table } from "../schema/tables.ts";
import type { PolymorphicRelations } from "../rows/polymorphic.ts";
import { readGenerics } from "../plan/polymorphic-types.ts";
import { byName } from "../schema/graph.ts";
import { introspect } from "../engines/introspect.ts";
import { chooseKeys } from "../schema/keys/choose.ts";
import { findColumn, findTable } from "../schema/names.ts";
import { rowsOf } from "../schema/sql-names.ts";
import { groupOf, sameness, textOf, type DuplicateGroup, type ReferenceRow } from "./groups.ts";
import { movesInto, typeCondition, type Move } from "./references.ts";

export interface ReconcileRequest {
  readonly table: string;
  /** Columns that are compared; none: those of the key, or the name. */
  readonly by: readonly string[];
  /** Of the config. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly generic: readonly GenericSetting[];
  readonly foreignKeys?: ForeignKeySettings | undefined;
}

export interface LinksToOthers {
  readonly table: string;
  readonly columns: readonly string[];
  /** How many of its rows lead to rows that are to go. */
  readonly rows: number;
}

export interface ReconcilePlan {
  readonly schema: Schema;
  readonly generics: PolymorphicRelations;
  readonly table: Table;
  readonly by: readonly string[];
  /** What the values of the groups' rows are: the primary key, and all that other rows point to. */
  readonly columns: readonly string[];
  readonly groups: readonly DuplicateGroup[];
  readonly links: readonly LinksToOthers[];
  readonly warnings: readonly string[];
}

/** Throws `E_USAGE` for a table or column that is not there, one without a primary key, and where nothing tells by what to compare. */
export async function planReconcile(connection: Connection, request: ReconcileRequest): Promise<ReconcilePlan> {
  const schema = withDeclared(await introspect(connection), request.foreignKeys);
  const { relations: generics, warnings } = await readGenerics(connection, schema, request.generic);
  const table = findTable(schema, request.table, "--table", "E_USAGE");
  if (table.primaryKey === null)
    throw new HoldfastError("E_USAGE", `--table ${table.id} has no primary key: its rows cannot be told apart`);
  const by = comparedBy(schema, table, request);
  const moves = movesInto(schema, generics, table);
  const columns = pairedColumns(table.primaryKey.columns, moves);
  const counts: { readonly move: Move; readonly rows: ReadonlyMap<string, number> }[] = [];
  for (const move of moves)
    if (move.via === undefined) counts.push({ move, rows: await countLinks(connection, schema, move) });
  const countOf = (values: readonly Cell[], { move, rows }: (typeof counts)[number]): number =>
    rows.get(keyOf(move.targetColumns.map((name) => values[columns.indexOf(name)] ?? null))) ?? 0;
  const found = new Map<string, ReferenceRow[]>();
  const { quote } = connection;
  const names = [...columns, ...by.map(({ name }) => name)].map(quote).join(", ");
  for await (const batch of connection.stream(`select ${names} from ${rowsOf(connection, table)}`))
    for (const row of batch) {
      const values = row.slice(0, columns.length);
      const compared = row.slice(columns.length);
      const key = sameness(by, compared);
      if (key === undefined) continue;
      const references = counts.reduce((sum, one) => sum + countOf(values, one), 0);
      const same = found.get(key);
      const one = { values, said: compared.map(textOf), references };
      if (same === undefined) found.set(key, [one]);
      else same.push(one);
    }
  const number = table.primaryKey.columns.map((name) => columns.indexOf(name));
  const groups = [...found].toSorted(([a], [b]) => byName(a, b)).flatMap(([, rows]) => groupOf(rows, number) ?? []);
  const others = groups.flatMap((group) => group.others);
  const links = counts.map((one) => ({
    table: one.move.table.id,
    columns: one.move.columns,
    rows: others.reduce((sum, { values }) => sum + countOf(values, one), 0),
  }));
  return {
    schema,
    generics,
    table,
    by: by.map(({ name }) => name),
    columns,
    groups,
    links: links.filter(({ rows }) => rows > 0),
    warnings,
  };
}

/** What tells the rows of a table apart, and what `moves` into it hold. */
export const pairedColumns = (identity: readonly string[], moves: readonly Move[]): string[] => [
  ...new Set([...identity, ...moves.flatMap(({ targetColumns }) => targetColumns)]),
];

const NAMES = ["name", "slug", "title"];

function comparedBy(schema: Schema, table: Table, { by, keys }: ReconcileRequest): Column[] {
  if (by.length > 0) return by.map((name) => findColumn(table, name, "--by", "E_USAGE"));
  const key = chooseKeys(schema, { keys }).get(table.id);
  const columns = key?.kind === "natural" ? key.columns.map((name) => columnOf(table, name)) : [];
  if (columns.some(({ kind }) => kind === "text")) return columns;
  const named = NAMES.flatMap((name) => table.columns.filter((column) => column.name.toLowerCase() === name));
  if (named[0] !== undefined) return [named[0]];
  throw new HoldfastError("E_USAGE", `nothing tells by what rows of ${table.id} are duplicates`, {
    hint: "say the columns, with --by",
  });
}

async function countLinks(connection: Connection, schema: Schema, move: Move): Promise<Map<string, number>> {
  const { quote } = connection;
  const columns = move.columns.map((name) => `t.${quote(name)}`);
  const type = typeCondition(connection, schema, move);
  const where = [...columns.map((one) => `${one} is not null`), ...(type.sql === "" ? [] : [type.sql])].join(" and ");
  const counts = new Map<string, number>();
  const sql = `select ${columns.join(", ")}, count(*) from ${rowsOf(connection, move.table)} as t where ${where} group by ${columns.join(", ")}`;
  for await (const batch of connection.stream(sql, type.parameters))
    for (const row of batch) counts.set(keyOf(row.slice(0, -1)), Number(row.at(-1)));
  return counts;
}

const keyOf = (cells: readonly Cell[]): string => JSON.stringify(cells.map(textOf));
