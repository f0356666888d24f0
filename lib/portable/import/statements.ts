/** What the parts of an import have in common: what is asked for, what became of it, and the statements that all of them need. */
import { HoldfastError } from "../../errors.ts";
import type { Cell } from "../connection.ts";
import type { Dialect } from "./dialect.ts";
import type { Missing } from "./missing.ts";
import { LINE, stagingName, type StagingTable } from "./stage.ts";

export type ImportMode = "create-only" | "update-only" | "create-or-update";

export interface MergeOptions {
  readonly mode: ImportMode;
  /** Rows that break a unique constraint of the database are passed over and counted. */
  readonly skipConflicts: boolean;
  /** Makes rows that links name and that are nowhere. */
  readonly missing?: Missing;
}

/** What became of the rows of a table. */
export interface TableResult {
  readonly table: string;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  /** Rows whose generated number is another here than where they came from, some of them. */
  readonly remapped: {
    count: number;
    readonly samples: { readonly key: string; readonly was: string; readonly is: string }[];
  };
}

const BEFORE = "holdfast_write";
/** Of rows or keys that are told of. */
export const SAMPLES = 10;

export class Statements {
  readonly dialect: Dialect;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  readonly quote = (name: string): string => this.dialect.connection.quote(name);

  /** How many rows `from` gives, with all that may follow FROM. */
  async count(from: string): Promise<number> {
    const [row] = await this.dialect.connection.rows(`select count(*) from ${from}`);
    return Number(row?.[0]);
  }

  /** A staged row `s` and the real one `t` have one key: `t.code = s.v0 and …`. */
  match(staging: StagingTable): string {
    return staging.target.key.columns
      .map((name) => `t.${this.quote(name)} = s.${this.quote(staging.of(name))}`)
      .join(" and ");
  }

  /** Does work that may come to nothing: where it gives false, or the server refuses, all is as it was before. */
  async attempt(work: () => Promise<boolean>): Promise<boolean> {
    const { connection } = this.dialect;
    await connection.run("savepoint holdfast_attempt");
    let isDone = false;
    try {
      isDone = await work();
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
    }
    await connection.run(isDone ? "release savepoint holdfast_attempt" : "rollback to savepoint holdfast_attempt");
    return isDone;
  }

  /** `sqlOf` gives the statement over the staged rows `s` that a condition holds for. Throws `E_IMPORT` that names table and row for what the server refuses. */
  async write(staging: StagingTable, sqlOf: (condition: string) => string): Promise<number> {
    const { connection } = this.dialect;
    await connection.run(`savepoint ${BEFORE}`);
    try {
      const changed = await connection.run(sqlOf("1 = 1"));
      await connection.run(`release savepoint ${BEFORE}`);
      return changed;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      const row = await this.#refused(staging, sqlOf).catch(() => "");
      throw new HoldfastError("E_IMPORT", `${staging.target.table.id}${row}: ${error.message}`, { cause: error });
    }
  }

  /** The same of one row, whose values are known. Throws `E_IMPORT` that names the table. */
  async writeValues(table: string, sql: string, values: readonly Cell[]): Promise<void> {
    try {
      await this.dialect.connection.run(sql, values);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      throw new HoldfastError("E_IMPORT", `${table}: ${error.message}`, { cause: error });
    }
  }

  /** The first row that a statement is refused for, after the others have been written: half of those that are left at a time. */
  async #refused(staging: StagingTable, sqlOf: (condition: string) => string): Promise<string> {
    const { connection } = this.dialect;
    const line = this.quote(LINE);
    const stage = stagingName(this.dialect, staging);
    await connection.run(`rollback to savepoint ${BEFORE}`);
    const [ends] = await connection.rows(`select min(${line}), max(${line}) from ${stage}`);
    let [low, high] = [Number(ends?.[0]), Number(ends?.[1])];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const isTaken = await this.attempt(async () => {
        await connection.run(sqlOf(`s.${line} between ${low} and ${middle}`));
        return true;
      });
      if (isTaken) low = middle + 1;
      else high = middle;
    }
    const key = staging.target.key.columns.map((name) => this.quote(staging.of(name)));
    const [found] = await connection.rows(`select ${["1", ...key].join(", ")} from ${stage} where ${line} = ${low}`);
    return found === undefined ? "" : ` ${keyText(found.slice(1))}, row ${low} of the export`;
  }
}

/** A key, for people. */
export const keyText = (row: readonly Cell[]): string =>
  `(${row.map((cell) => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell))).join(", ")})`;
