/** Pairs of a row to be removed and its replacement, in temporary tables, so that one statement changes all rows. */
import type { Cell, Row } from "../engine/session.ts";
import { columnOf, type Table } from "../schema/tables.ts";
import type { Connection } from "../engine/connection.ts";

export interface Pair {
  /** Values of the pairs' columns. */
  readonly goes: readonly Cell[];
  readonly stays: readonly Cell[];
}

/** The flag of a pair: 1 for a row to be removed; 0 for a row that stays, paired with itself. */
export const GOES = "holdfast_goes";

export class Pairs {
  readonly table: Table;
  readonly columns: readonly string[];
  /** The columns that identify the rows. */
  readonly identity: readonly string[];
  readonly #connection: Connection;
  readonly #name: string;
  #copies = 0;

  constructor(
    connection: Connection,
    name: string,
    {
      table,
      columns,
      identity,
    }: { readonly table: Table; readonly columns: readonly string[]; readonly identity: readonly string[] },
  ) {
    this.#connection = connection;
    this.#name = name;
    this.table = table;
    this.columns = columns;
    this.identity = identity;
  }

  async create(pairs: readonly Pair[]): Promise<void> {
    const connection = this.#connection;
    const { typed, temporary } = connection.engine.dialect;
    const columns = this.columns.map((name) => columnOf(this.table, name));
    const all = ["l", "k"].flatMap((prefix) => columns.map((column, at) => typed(`${prefix}${at}`, column)));
    await connection.run(
      `create temporary table ${connection.quote(this.#name)} (${connection.quote(GOES)} integer, ` +
        `${all.join(", ")})${temporary}`,
    );
    const staying = new Map(pairs.map(({ stays }) => [JSON.stringify(stays.map(String)), stays]));
    const rows: Row[] = [
      ...pairs.map(({ goes, stays }) => ["1", ...goes, ...stays]),
      ...[...staying.values()].map((stays) => ["0", ...stays, ...stays]),
    ];
    const names = [GOES, ...columns.map((_one, at) => `l${at}`), ...columns.map((_one, at) => `k${at}`)];
    await connection.load(connection.quote(this.#name), names, batchesOf(rows));
    await connection.engine.analyze(connection, connection.quote(this.#name));
  }

  /** Returns a new quoted copy of the table each time: MySQL reads a temporary table only once in a statement. */
  async copy(): Promise<string> {
    const connection = this.#connection;
    const { temporary } = connection.engine.dialect;
    const name = connection.quote(`${this.#name}_${this.#copies++}`);
    await connection.run(`create temporary table ${name}${temporary} as select * from ${connection.quote(this.#name)}`);
    return name;
  }

  get name(): string {
    return this.#connection.quote(this.#name);
  }

  goes(column: string): string {
    return `l${this.columns.indexOf(column)}`;
  }

  stays(column: string): string {
    return `k${this.columns.indexOf(column)}`;
  }

  /** Returns the condition that a row with columns after `prefix` is to be removed, by a copy `pairs`. */
  isGoing(pairs: string, prefix: string): string {
    const { quote } = this.#connection;
    const on = this.identity.map((name) => `gone.${this.goes(name)} = ${prefix}.${quote(name)}`).join(" and ");
    return `exists (select 1 from ${pairs} as gone where ${on} and gone.${quote(GOES)} = 1)`;
  }
}

const BATCH = 500;

async function* batchesOf(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += BATCH) yield rows.slice(at, at + BATCH);
}
