/** The statements that all parts of an import share. */
import { HoldfastError } from "../../../errors.ts";
import type { Cell } from "../../engine/session.ts";
import { columnOf } from "../../schema/tables.ts";
import { findFailingRow, lastRow, type RunFor, type StatementOf } from "./failing-row.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Dialect } from "../../engine/dialect.ts";
import { ROW_NUMBER_COLUMN, type StagedTable } from "./staged-table.ts";
import { TARGET_ID_COLUMN } from "./tree-columns.ts";

export class Statements {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get dialect(): Dialect {
    return this.connection.engine.dialect;
  }

  readonly quote = (name: string): string => this.connection.quote(name);

  /** Counts the rows of `from`, which is all that follows FROM. */
  async count(from: string): Promise<number> {
    const [row] = await this.connection.rows(`select count(*) from ${from}`);
    return Number(row?.[0]);
  }

  /** Returns the condition that a staged row `s` and a real one `t` have the same key: `t.code = s.v0 and …`. */
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

  /** Runs work in a savepoint; rolls it back if it returns false or the server rejects a statement. */
  async trySavepoint(work: () => Promise<boolean>): Promise<boolean> {
    const { connection } = this;
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

  /**
   * Runs a statement over staged rows; `sqlOf` builds it for a condition on `s`. Throws `E_IMPORT` with table and row
   * if the server rejects it.
   */
  async write(staging: StagedTable, sqlOf: StatementOf): Promise<number> {
    return await this.#write(staging, async (only) => await this.connection.run(sqlOf(only)));
  }

  /** Runs an insert that skips rows which violate a unique constraint. Throws like `write` for any other violation. */
  async writeSkippingConflicts(staging: StagedTable, sqlOf: StatementOf): Promise<number> {
    const { connection } = this;
    const skipping: StatementOf = (only) => this.dialect.insertIgnoringConflicts(sqlOf(only));
    const { ignoredViolations } = connection.engine.constraints;
    if (ignoredViolations === undefined) return await this.write(staging, skipping);
    const { rowsAtOnce } = ignoredViolations;
    await ignoredViolations.begin(connection);
    const line = `s.${this.quote(ROW_NUMBER_COLUMN)}`;
    const last = await lastRow(this, staging);
    return await this.#write(staging, async (only) => {
      let count = 0;
      for (let from = 0; from < last; from += rowsAtOnce) {
        const range = `${line} > ${from} and ${line} <= ${from + rowsAtOnce}`;
        count += await connection.run(skipping(`${only} and ${range}`));
        const violation = await ignoredViolations.find(connection);
        if (violation !== undefined) throw new HoldfastError("E_DATABASE", `MySQL: ${violation}`);
      }
      return count;
    });
  }

  async #write(staging: StagedTable, run: RunFor): Promise<number> {
    const { connection } = this;
    await connection.run("savepoint holdfast_write");
    try {
      const count = await run("1 = 1");
      await connection.run("release savepoint holdfast_write");
      return count;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      const row = await this.#failingRow(staging, run);
      const where = row === undefined ? staging.target.table.id : `${staging.target.table.id}, ${row}`;
      throw new HoldfastError("E_IMPORT", `${where}: ${error.message}`, { cause: error });
    }
  }

  /** Runs a statement for one row with known values. Throws `E_IMPORT` that names the table. */
  async writeValues(table: string, sql: string, values: readonly Cell[]): Promise<void> {
    try {
      await this.connection.run(sql, values);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      throw new HoldfastError("E_IMPORT", `${table}: ${error.message}`, { cause: error });
    }
  }

  async #failingRow(staging: StagedTable, run: RunFor): Promise<string | undefined> {
    try {
      await this.connection.run("rollback to savepoint holdfast_write");
    } catch {
      return undefined; // the server has rolled back more than that
    }
    return await findFailingRow(this, staging, run);
  }
}
