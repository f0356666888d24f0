/** What the parts of an import have in common: what is asked for, what became of it, and the statements that all of them need. */
import { HoldfastError } from "../../../errors.ts";
import type { Cell } from "../../connection.ts";
import { columnOf } from "../../schema/tables.ts";
import { findFailingRow, type StatementOf } from "./failing-row.ts";
import type { Dialect } from "../../engines/shared/dialect.ts";
import type { StagedTable } from "./staged-table.ts";
import { TARGET_ID_COLUMN } from "./tree-columns.ts";

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
  match(staging: StagedTable): string {
    const { tree: { tree } = {}, matchedBy, target } = staging;
    const [up, to] = [tree?.parent.columns[0], tree?.parent.targetColumns[0]];
    if (to !== undefined && matchedBy === "row") return `t.${this.quote(to)} = s.${this.quote(TARGET_ID_COLUMN)}`;
    return target.key.columns
      .map((name) =>
        name === up && matchedBy === "root"
          ? `t.${this.quote(name)} is null`
          : this.dialect.same(
              `t.${this.quote(name)}`,
              `s.${this.quote(staging.of(name))}`,
              columnOf(target.table, name),
            ),
      )
      .join(" and ");
  }

  /** Does work that may come to nothing: where it gives false, or the server refuses, all is as it was before. */
  async trySavepoint(work: () => Promise<boolean>): Promise<boolean> {
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
  async write(staging: StagedTable, sqlOf: StatementOf): Promise<number> {
    const { connection } = this.dialect;
    await connection.run("savepoint holdfast_write");
    try {
      const count = await connection.run(sqlOf("1 = 1"));
      await connection.run("release savepoint holdfast_write");
      return count;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      const row = await this.#culprit(staging, sqlOf);
      const who = row === undefined ? staging.target.table.id : `${staging.target.table.id}, ${row}`;
      throw new HoldfastError("E_IMPORT", `${who}: ${error.message}`, { cause: error });
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

  async #culprit(staging: StagedTable, sqlOf: StatementOf): Promise<string | undefined> {
    try {
      await this.dialect.connection.run("rollback to savepoint holdfast_write");
    } catch {
      return undefined; // the server has taken back more than that
    }
    return await findFailingRow(this, staging, sqlOf);
  }
}
