/** Rows that are to go, each beside the one that stands for it: temporary tables, so that all of them are changed by one statement. */
import type { Cell, Row } from "../connection.ts";
import { columnOf, type Table } from "../schema/tables.ts";
import type { Dialect } from "../engines/shared/dialect.ts";

export interface Pair {
  /** Values of the pairs' columns. */
  readonly goes: readonly Cell[];
  readonly stays: readonly Cell[];
}

/** 1: goes; 0: a row that stays, beside itself. */
export const GOES = "holdfast_goes";

export class Pairs {
  readonly table: Table;
  readonly columns: readonly string[];
  /** Those that tell the rows apart. */
  readonly identity: readonly string[];
  readonly #dialect: Dialect;
  readonly #name: string;
  #copies = 0;

  constructor(
    dialect: Dialect,
    name: string,
    { table, columns, identity }: { readonly table: Table; readonly columns: readonly string[]; readonly identity: readonly string[] }, // prettier-ignore
  ) {
    this.#dialect = dialect;
    this.#name = name;
    this.table = table;
    this.columns = columns;
    this.identity = identity;
  }

  async create(pairs: readonly Pair[]): Promise<void> {
    const { connection, typed, temporary } = this.#dialect;
    const columns = this.columns.map((name) => columnOf(this.table, name));
    const all = [...columns.map((column, at) => typed(`l${at}`, column)), ...columns.map((column, at) => typed(`k${at}`, column))]; // prettier-ignore
    await connection.run(
      `create temporary table ${connection.quote(this.#name)} (${connection.quote(GOES)} integer, ${all.join(", ")})${temporary}`,
    );
    const staying = new Map(pairs.map(({ stays }) => [JSON.stringify(stays.map(String)), stays]));
    const rows: Row[] = [
      ...pairs.map(({ goes, stays }) => ["1", ...goes, ...stays]),
      ...[...staying.values()].map((stays) => ["0", ...stays, ...stays]),
    ];
    const names = [GOES, ...columns.map((_one, at) => `l${at}`), ...columns.map((_one, at) => `k${at}`)];
    await connection.load(connection.quote(this.#name), names, batchesOf(rows));
    if (connection.engine === "postgresql") await connection.run(`analyze ${connection.quote(this.#name)}`);
  }

  /** Quoted; another table each time: MySQL reads a temporary table in one place of a statement alone. */
  async copy(): Promise<string> {
    const { connection, temporary } = this.#dialect;
    const name = connection.quote(`${this.#name}_${this.#copies++}`);
    await connection.run(`create temporary table ${name}${temporary} as select * from ${connection.quote(this.#name)}`);
    return name;
  }

  get name(): string {
    return this.#dialect.connection.quote(this.#name);
  }

  goes(column: string): string {
    return `l${this.columns.indexOf(column)}`;
  }

  stays(column: string): string {
    return `k${this.columns.indexOf(column)}`;
  }

  /** A row, whose columns stand behind `prefix`, is one of those that go, by `pairs`: a copy. */
  isGoing(pairs: string, prefix: string): string {
    const { quote } = this.#dialect.connection;
    const on = this.identity.map((name) => `gone.${this.goes(name)} = ${prefix}.${quote(name)}`).join(" and ");
    return `exists (select 1 from ${pairs} as gone where ${on} and gone.${quote(GOES)} = 1)`;
  }
}

const BATCH = 500;

async function* batchesOf(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += BATCH) yield rows.slice(at, at + BATCH);
}
