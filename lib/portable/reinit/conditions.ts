/** Which rows of a table stay when it is cleared, as the config says it: columns and the values that they may have. */
import { HoldfastError } from "../../errors.ts";
import type { Cell, Connection } from "../connection.ts";
import { findColumn } from "../schema/names.ts";
import type { Column, Table } from "../schema/tables.ts";

export type Scalar = string | number | boolean | null;

/** All columns must have one of their values. */
export type RowRule = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** Whether a row stays, as SQL over the columns of `alias`, or of the only table where that is empty. */
export interface Condition {
  sql(alias: string): string;
  readonly parameters: readonly Cell[];
}

export const EVERY_ROW: Condition = { sql: () => "1 = 1", parameters: [] };
export const NO_ROW: Condition = { sql: () => "1 = 0", parameters: [] };

/** Throws `E_CONFIG` for a column that is not there, and for a value that it cannot have. */
export function conditionOf(connection: Connection, table: Table, rule: RowRule): Condition {
  const where = `portable.reinit.keep_rows.${table.name}`;
  const parts = Object.entries(rule).map(([name, given]) => {
    const column = findColumn(table, name, where);
    const values: readonly Scalar[] = typeof given === "object" && given !== null ? given : [given];
    if (values.length === 0)
      throw new HoldfastError("E_CONFIG", `${where}.${name} names no value`, {
        hint: "leave the table out to clear all of it",
      });
    const cells = values.flatMap((value) =>
      value === null ? [] : [cellOf(connection, column, value, `${where}.${name}`)],
    );
    return { name, cells, orNull: values.includes(null) };
  });
  if (parts.length === 0)
    throw new HoldfastError("E_CONFIG", `${where} names no column`, {
      hint: "a table that is kept as a whole stands under portable.reinit.keep",
    });
  return {
    sql: (alias) =>
      parts
        .map(({ name, cells, orNull }) => {
          const column = `${alias === "" ? "" : `${alias}.`}${connection.quote(name)}`;
          const one = [
            ...(cells.length > 0 ? [`${column} in (${cells.map(() => "?").join(", ")})`] : []),
            ...(orNull ? [`${column} is null`] : []),
          ];
          return `(${one.join(" or ")})`;
        })
        .join(" and "),
    parameters: parts.flatMap(({ cells }) => cells),
  };
}

/** Never a value that the engine would have to guess at: MySQL takes every text for the number 0. */
function cellOf({ engine }: Connection, column: Column, value: string | number | boolean, where: string): Cell {
  const text = String(value);
  if (column.kind === "boolean") {
    if (!/^(true|false|0|1)$/.test(text)) throw unfit(where, text, "neither true nor false");
    const isTrue = text === "true" || text === "1";
    return engine === "postgresql" ? String(isTrue) : Number(isTrue);
  }
  if (column.kind === "integer") {
    const number = typeof value === "boolean" ? String(Number(value)) : text;
    if (!/^-?\d+$/.test(number)) throw unfit(where, text, "no whole number");
    return engine === "sqlite" ? BigInt(number) : number;
  }
  if (column.kind === "decimal" && !/^-?\d+(\.\d+)?$/.test(text)) throw unfit(where, text, "no number");
  return text;
}

const unfit = (where: string, value: string, why: string): HoldfastError =>
  new HoldfastError("E_CONFIG", `${where}: ${value} is ${why}`, { hint: "correct the value in the config" });
