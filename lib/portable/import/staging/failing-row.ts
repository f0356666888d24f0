/** Finds the row that a server rejects: most name a constraint, and only some the row. */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../engine/connection.ts";
import { keyText, ROW_NUMBER_COLUMN, stagingName, type StagedTable } from "./staged-table.ts";

/** The savepoints in which statements are tried. */
interface Trials {
  readonly connection: Connection;
  quote(name: string): string;
  trySavepoint(work: () => Promise<boolean>): Promise<boolean>;
}

/** Returns the statement restricted to the rows of a staging table `s` that meet a condition. */
export type StatementOf = (only: string) => string;

/** Runs a statement for the rows of a staging table `s` that meet a condition; returns the number of rows. */
export type RunFor = (only: string) => Promise<number>;

/**
 * Finds the number and key of the first row that makes the statement fail; undefined if unknown. The failed statement
 * must have been rolled back; every trial is rolled back as well.
 */
export async function findFailingRow(on: Trials, staging: StagedTable, run: RunFor): Promise<string | undefined> {
  const { notes } = staging.target.table;
  if (notes.some((note) => note.includes("not transactional"))) return undefined; // trials could not be rolled back
  const line = `s.${on.quote(ROW_NUMBER_COLUMN)}`;
  const fails = async (last: number): Promise<boolean> => {
    let isDone = false;
    await on.trySavepoint(async () => {
      await run(`${line} <= ${last}`);
      isDone = true;
      return false;
    });
    return !isDone;
  };
  try {
    let [passing, failing] = [0, await lastRow(on, staging)];
    if (!(await fails(failing))) return undefined;
    while (failing - passing > 1) {
      const middle = Math.floor((passing + failing) / 2);
      if (await fails(middle)) failing = middle;
      else passing = middle;
    }
    const names = staging.displayKeyColumns.map((name) => `s.${on.quote(name)}`);
    const [key] =
      names.length === 0
        ? []
        : await on.connection.rows(
            `select ${names.join(", ")} from ${stagingName(on.connection, staging)} as s where ${line} = ${failing}`,
          );
    return `row ${failing} of the export${key === undefined ? "" : `, ${keyText(key)}`}`;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_DATABASE") return undefined;
    throw error;
  }
}

/** Returns the highest row number of a staging table, from which rows may have been dropped. */
export async function lastRow({ connection, quote }: Pick<Trials, "connection" | "quote">, staging: StagedTable) {
  const [row] = await connection.rows(
    `select coalesce(max(${quote(ROW_NUMBER_COLUMN)}), 0) from ${stagingName(connection, staging)}`,
  );
  return Number(row?.[0]);
}
