/** Selects the rows of a set's tables: those in a range, and those that belong to them. */
import { portableEngine } from "../engines/registry.ts";
import type { RangeSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Cell } from "../engine/session.ts";
import {
  columnOf,
  type Column,
  type ForeignKey,
  type Kind,
  type Schema,
  type Table,
  type TableId,
} from "../schema/tables.ts";
import type { RowCondition } from "../format/documents.ts";
import { findColumn, findTable } from "../schema/names.ts";
import { decode } from "../values/decode.ts";

/** Conditions by table; a row must meet all of its table's. */
export type Conditions = ReadonlyMap<TableId, readonly RowCondition[]>;

/** A WHERE condition for the alias `t`, and its parameters. */
export interface RowFilter {
  readonly sql: string;
  readonly parameters: readonly Cell[];
}

const RANGED = new Set<Kind>([
  "integer",
  "decimal",
  "boolean",
  "text",
  "enum",
  "uuid",
  "date",
  "time",
  "timestamp",
  "timestamptz",
]);
const DATED = new Set<Kind>(["date", "timestamp", "timestamptz"]);

/**
 * Resolves the ranges of a set against a schema. Throws `E_CONFIG` for an unknown table or column and for a value that
 * the column cannot hold.
 */
export function conditionsOf(
  schema: Schema,
  where: Readonly<Record<string, Readonly<Record<string, RangeSetting>>>>,
): Conditions {
  return new Map(
    Object.entries(where).map(([name, ranges]) => {
      const table = findTable(schema, name, "sets.where");
      const at = `sets.where.${name}`;
      return [
        table.id,
        Object.entries(ranges).map(([one, range]): RowCondition => {
          const column = findColumn(table, one, at);
          for (const value of [range.from, range.to, ...(range.in ?? [])])
            if (value !== undefined) assertValidBound(schema, column, value, `${at}.${one}`);
          return { column: column.name, ...range };
        }),
      ];
    }),
  );
}

function assertValidBound(schema: Schema, column: Column, value: string | number | boolean, where: string): void {
  if (!RANGED.has(column.kind))
    throw new HoldfastError("E_CONFIG", `${where}: a column of type ${column.native} has no ranges`);
  if (DATED.has(column.kind) && !/^\d{4}-\d\d-\d\d/.test(String(value)))
    throw new HoldfastError("E_CONFIG", `${where}: ${value} is not a valid date`, {
      hint: "write 2024-01-31 or 2024-01-31 12:00:00",
    });
  try {
    decode(portableEngine(schema.engine).values, column, value);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError("E_CONFIG", `${where} ${error.message}`, { cause: error });
  }
}

/**
 * Returns the filter for rows that meet the table's conditions and belong to selected rows by NOT NULL foreign keys.
 * `tables` are those exported together. Undefined if all rows are selected.
 */
export function rowFilter(
  connection: Pick<Connection, "engine" | "quote">,
  tables: readonly Table[],
  table: Table,
  conditions: Conditions,
): RowFilter | undefined {
  if (conditions.size === 0) return undefined;
  const { engine, quote } = connection;
  const byId = new Map(tables.map((one) => [one.id, one]));
  const parameters: Cell[] = [];
  let aliases = 0;
  const own = (at: Table, alias: string): string[] =>
    (conditions.get(at.id) ?? []).flatMap((condition) => {
      const column = columnOf(at, condition.column);
      const value = (one: string | number | boolean): string => {
        parameters.push(decode(engine.values, column, one));
        return "?";
      };
      const name = `${alias}.${quote(column.name)}`;
      return [
        ...(condition.from === undefined ? [] : [`${name} >= ${value(condition.from)}`]),
        ...(condition.to === undefined ? [] : [`${name} < ${value(condition.to)}`]),
        ...(condition.in === undefined ? [] : [`${name} in (${condition.in.map(value).join(", ")})`]),
      ];
    });
  const all = (at: Table, alias: string, above: readonly TableId[]): string[] => [
    ...own(at, alias),
    ...at.foreignKeys.flatMap((link) => {
      const parent = byId.get(link.target);
      if (parent === undefined || above.includes(parent.id) || !belongs(at, link)) return [];
      const next = `f${aliases++}`;
      const taken = all(parent, next, [...above, parent.id]);
      if (taken.length === 0) return [];
      const on = link.columns.map(
        (name, index) => `${next}.${quote(link.targetColumns[index] ?? "")} = ${alias}.${quote(name)}`,
      );
      const from = [...(parent.schema === null ? [] : [parent.schema]), parent.name].map(quote).join(".");
      return [`exists (select 1 from ${from} as ${next} where ${[...on, ...taken].join(" and ")})`];
    }),
  ];
  const found = all(table, "t", [table.id]);
  return found.length === 0 ? undefined : { sql: found.join(" and "), parameters };
}

const belongs = ({ columns }: Table, link: ForeignKey): boolean =>
  link.columns.every((name) => columns.find((column) => column.name === name)?.nullable === false);
