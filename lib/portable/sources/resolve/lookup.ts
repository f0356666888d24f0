/** Looks up the row of a key: among the records, else among the rows of the database. */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Cell } from "../../engine/session.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import { rowsOf } from "../../engine/sql-names.ts";
import { decode } from "../../values/decode.ts";
import { encode } from "../../values/encode.ts";
import type { JsonValue } from "../../format/value.ts";
import type { Json } from "../json/lossless.ts";
import type { Reading } from "./key-interpretations.ts";
import { quoteName, type Scratch } from "../load/scratch-database.ts";
import { scratchCell, valueFor } from "../load/values.ts";

/** Enough rows to detect an ambiguous key. */
const MOST = 2;

export class Lookup {
  readonly #scratch: Scratch;
  readonly #connection: Connection;
  readonly #tables: ReadonlyMap<TableId, Table>;
  readonly #keyOf: (id: TableId) => readonly string[];
  readonly #borrowed = new Map<string, Cell>();

  /** `schema` is the database's; `keyOf` returns the columns by which a row is exported. */
  constructor(scratch: Scratch, connection: Connection, schema: Schema, keyOf: (id: TableId) => readonly string[]) {
    this.#scratch = scratch;
    this.#connection = connection;
    this.#tables = new Map(schema.tables.map((table) => [table.id, table]));
    this.#keyOf = keyOf;
  }

  /** Returns the value that the matching record has in the referenced column. Null for no match or several. */
  amongRecords(link: ForeignKey, reading: Reading, key: readonly Json[]): Cell {
    const cells = cellsOf(reading, key, scratchCell);
    if (cells === undefined) return null;
    const sql = this.#sql(link, reading, quoteName, (id) => this.#scratch.quoted(id));
    const rows = this.#scratch.rows(sql, cells);
    return rows.length === 1 ? (rows[0]?.[0] ?? null) : null;
  }

  /** Looks up the value in the database. Null for no match or several. */
  async amongRows(link: ForeignKey, reading: Reading, key: readonly Json[]): Promise<Cell> {
    const { engine, quote } = this.#connection;
    const cells = cellsOf(reading, key, (column, value) => decode(engine.values, column, value));
    if (cells === undefined) return null;
    const sql = this.#sql(link, reading, quote, (id) => rowsOf(this.#connection, this.#table(id)));
    const rows = await this.#connection.rows(sql, cells);
    return rows.length === 1 ? (rows[0]?.[0] ?? null) : null;
  }

  /**
   * Copies a row of the database into the scratch database, so that references to it are exported by its key. Returns
   * the values that refer to it; null if there is no such row.
   */
  async borrow({ target, targetColumns }: ForeignKey, values: readonly Cell[]): Promise<readonly Cell[] | null> {
    const table = this.#table(target);
    const marks = values.map((value, at) => markOf(columnOf(table, targetColumns[at] ?? ""), value));
    const name = JSON.stringify([target, targetColumns, marks.map(String)]);
    if (this.#borrowed.has(name)) return this.#borrowed.get(name) === null ? null : marks;
    const { quote, engine } = this.#connection;
    const columns = [...new Set([...targetColumns, ...this.#keyOf(target)])].map((one) => columnOf(table, one));
    const where = targetColumns.map((one) => `${quote(one)} = ?`).join(" and ");
    const given = values.map((value, at) => {
      const column = columnOf(table, targetColumns[at] ?? "");
      return decode(engine.values, column, encode(engine.values, column, value));
    });
    const [row] = await this.#connection.rows(
      `select ${columns.map((one) => quote(one.name)).join(", ")} ` +
        `from ${rowsOf(this.#connection, table)} where ${where}`,
      given,
    );
    this.#borrowed.set(name, row === undefined ? null : 1n);
    if (row === undefined) return null;
    const cells = new Map(
      columns.map((column, at): [string, Cell] => {
        const cell = row[at] ?? null;
        const isMark = targetColumns.includes(column.name);
        return [column.name, isMark ? markOf(column, cell) : scratchCell(column, encode(engine.values, column, cell))];
      }),
    );
    for (const link of table.foreignKeys) {
      if (!link.columns.every((one) => cells.has(one))) continue;
      const referenced = link.columns.map((one) => row[columns.findIndex((column) => column.name === one)] ?? null);
      const lent = referenced.includes(null) ? null : await this.borrow(link, referenced);
      for (const [at, one] of link.columns.entries())
        if (lent !== null && !targetColumns.includes(one)) cells.set(one, lent[at] ?? null);
    }
    const same = targetColumns.map((one) => `${quoteName(one)} = ?`).join(" and ");
    const [known] = this.#scratch.rows(`select 1 from ${this.#scratch.quoted(target)} where ${same} limit 1`, marks);
    if (known === undefined) this.#scratch.insert(target, [...cells.keys()], [...cells.values()]);
    return marks;
  }

  #table(id: TableId): Table {
    const table = this.#tables.get(id);
    if (table === undefined) throw new RangeError(`${id} is not in the schema`);
    return table;
  }

  #sql(link: ForeignKey, reading: Reading, quote: (name: string) => string, from: (id: TableId) => string): string {
    const aliases = new Map<string, string>();
    let joins = "";
    const aliasOf = (through: readonly ForeignKey[]): string => {
      const last = through.at(-1);
      if (last === undefined) return "t";
      const path = through.map(({ name }) => name).join("/");
      const known = aliases.get(path);
      if (known !== undefined) return known;
      const before = aliasOf(through.slice(0, -1));
      const alias = `j${aliases.size}`;
      aliases.set(path, alias);
      const on = last.columns.map(
        (name, at) => `${alias}.${quote(last.targetColumns[at] ?? "")} = ${before}.${quote(name)}`,
      );
      joins += ` join ${from(last.target)} as ${alias} on ${on.join(" and ")}`;
      return alias;
    };
    const where = reading.map(({ through, column }: KeyColumn) => `${aliasOf(through)}.${quote(column.name)} = ?`);
    const [pointed = ""] = link.targetColumns;
    return (
      `select t.${quote(pointed)} from ${from(link.target)} as t${joins} ` +
      `where ${where.join(" and ")} limit ${MOST}`
    );
  }
}

/** Returns undefined if the values do not have the columns' kinds: then the interpretation is wrong. */
function cellsOf(
  reading: Reading,
  key: readonly Json[],
  cellOf: (column: Column, value: JsonValue) => Cell,
): Cell[] | undefined {
  try {
    const cells = reading.map(({ column }, at) => cellOf(column, valueFor(column, key[at] ?? null)));
    return cells.includes(null) ? undefined : cells;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_IMPORT") return undefined;
    throw error;
  }
}

/** Marks an id of the database as text, which never equals a number in SQLite, and so no id of a record. */
const markOf = ({ kind }: Column, cell: Cell): Cell => (kind === "integer" && cell !== null ? String(cell) : cell);
