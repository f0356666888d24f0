/** Conditions of the config for rows that are kept when a table is cleared: columns and their allowed values. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Cell } from "../engine/session.ts";
import { decode } from "../values/decode.ts";
import { findColumn } from "../schema/names.ts";
import type { Column, Table } from "../schema/tables.ts";

export type Scalar = string | number | boolean | null;

/** A rule that a row meets if each column has one of its values. */
export type RowRule = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** A condition for kept rows, as SQL over the columns of `alias`, or of the only table if that is empty. */
export interface Condition {
  sql(alias: string): string;
  readonly parameters: readonly Cell[];
}

export const EVERY_ROW: Condition = { sql: () => "1 = 1", parameters: [] };
export const NO_ROW: Condition = { sql: () => "1 = 0", parameters: [] };

/** Throws `E_CONFIG` for an unknown column, and for an invalid value. */
export function conditionOf(connection: Connection, table: Table, rule: RowRule): Condition {
  const where = `portable.reinit.keep_rows.${table.name}`;
  const parts = Object.entries(rule).map(([name, given]) => {
    const column = findColumn(table, name, where);
    const values: readonly Scalar[] = typeof given === "object" && given !== null ? given : [given];
    if (values.length === 0)
      throw new HoldfastError("E_CONFIG", `${where}.${name} lists no value`, {
        hint: "remove the table to clear all of it",
      });
    const cells = values.flatMap((value) =>
      value === null ? [] : [cellOf(connection, column, value, `${where}.${name}`)],
    );
    return { name, cells, orNull: values.includes(null) };
  });
  if (parts.length === 0)
    throw new HoldfastError("E_CONFIG", `${where} lists no column`, {
      hint: "to keep the whole table, list it under portable.reinit.keep",
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

/** Converts a value for comparison. It must not need a guess by the engine: MySQL compares any text as the number 0. */
function cellOf({ engine }: Connection, column: Column, value: string | number | boolean, where: string): Cell {
  const text = String(value);
  if (column.kind === "boolean") {
    if (!/^(true|false|0|1)$/.test(text)) throw invalid(where, text, "true or false");
    return decode(engine.values, column, text === "true" || text === "1");
  }
  if (column.kind === "integer") {
    const number = typeof value === "boolean" ? String(Number(value)) : text;
    if (!/^-?\d+$/.test(number)) throw invalid(where, text, "an integer");
    return engine.values.decodeInteger(column, BigInt(number));
  }
  if (column.kind === "decimal" && !/^-?\d+(\.\d+)?$/.test(text)) throw invalid(where, text, "a number");
  return text;
}

const invalid = (where: string, value: string, expected: string): HoldfastError =>
  new HoldfastError("E_CONFIG", `${where}: expected ${expected}, found ${value}`, {
    hint: "correct the value in the config",
  });
