/**
 * Plans a reconcile: finds duplicate rows, the one of each group that stays, and references to the others. Changes
 * nothing.
 */
import type { ForeignKeySettings, GenericSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Cell } from "../engine/session.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { columnOf, type Column, type Schema, type Table } from "../schema/tables.ts";
import type { PolymorphicRelations } from "../rows/polymorphic.ts";
import { readGenerics } from "../plan/polymorphic-types.ts";
import { byName } from "../schema/graph.ts";
import { chooseKeys } from "../schema/keys/choose.ts";
import { findColumn, findTable } from "../schema/names.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { groupOf, sameness, textOf, type DuplicateGroup, type ReferenceRow } from "./groups.ts";
import { movesInto, typeCondition, type Move } from "./references.ts";

export interface ReconcileRequest {
  readonly table: string;
  /** Columns to compare; if empty, those of the key, or the name. */
  readonly by: readonly string[];
  /** The keys of the config: columns by table. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly generic: readonly GenericSetting[];
  readonly foreignKeys?: ForeignKeySettings | undefined;
}

export interface LinksToOthers {
  readonly table: string;
  readonly columns: readonly string[];
  /** The number of its rows that refer to rows to be removed. */
  readonly rows: number;
}

export interface ReconcilePlan {
  readonly schema: Schema;
  readonly generics: PolymorphicRelations;
  readonly table: Table;
  readonly by: readonly string[];
  /** The columns of the groups' values: the primary key, and all columns that other rows refer to. */
  readonly columns: readonly string[];
  readonly groups: readonly DuplicateGroup[];
  readonly links: readonly LinksToOthers[];
  readonly warnings: readonly string[];
}

/** Throws `E_USAGE` for an unknown table or column, a table without a primary key, or no columns to compare. */
export async function planReconcile(connection: Connection, request: ReconcileRequest): Promise<ReconcilePlan> {
  const schema = withDeclared(await connection.engine.introspect(connection), request.foreignKeys);
  const { relations: generics, warnings } = await readGenerics(connection, schema, request.generic);
  const table = findTable(schema, request.table, "--table", "E_USAGE");
  if (table.primaryKey === null)
    throw new HoldfastError("E_USAGE", `--table: ${table.id} has no primary key to identify its rows`);
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
  const keyColumns = table.primaryKey.columns.map((name) => columns.indexOf(name));
  const groups = [...found].toSorted(([a], [b]) => byName(a, b)).flatMap(([, rows]) => groupOf(rows, keyColumns) ?? []);
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

/** Returns the columns that identify the rows of a table, and those that `moves` into it refer to. */
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
  throw new HoldfastError("E_USAGE", `${table.id} has no text key, name, slug or title to compare by`, {
    hint: "add --by COLUMNS",
  });
}

async function countLinks(connection: Connection, schema: Schema, move: Move): Promise<Map<string, number>> {
  const { quote } = connection;
  const columns = move.columns.map((name) => `t.${quote(name)}`);
  const type = typeCondition(connection, schema, move);
  const where = [...columns.map((one) => `${one} is not null`), ...(type.sql === "" ? [] : [type.sql])].join(" and ");
  const counts = new Map<string, number>();
  const sql =
    `select ${columns.join(", ")}, count(*) from ${rowsOf(connection, move.table)} as t where ${where} ` +
    `group by ${columns.join(", ")}`;
  for await (const batch of connection.stream(sql, type.parameters))
    for (const row of batch) counts.set(keyOf(row.slice(0, -1)), Number(row.at(-1)));
  return counts;
}

const keyOf = (cells: readonly Cell[]): string => JSON.stringify(cells.map(textOf));
