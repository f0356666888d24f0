/** Which row it is that a server refuses: most of them name a constraint, and not all of them a row. */
import { HoldfastError } from "../../../errors.ts";
import type { Dialect } from "../../engines/shared/dialect.ts";
import { keyText, ROW_NUMBER_COLUMN, stagingName, type StagedTable } from "./staged-table.ts";

/** The savepoints by which statements are tried. */
interface Trials {
  readonly dialect: Dialect;
  quote(name: string): string;
  trySavepoint(work: () => Promise<boolean>): Promise<boolean>;
}

/** The same statement for the rows of a staging table `s` for which this holds. */
export type StatementOf = (only: string) => string;

/**
 * The number of the first row with which the statement fails, and its key; undefined where it cannot be told. The statement has failed, and what it did has
 * been taken back; nothing of what is tried stays.
 */
export async function findFailingRow(
  on: Trials,
  staging: StagedTable,
  statement: StatementOf,
): Promise<string | undefined> {
  const { notes } = staging.target.table;
  if (notes.some((note) => note.includes("not transactional"))) return undefined; // what is tried would stay
  const line = `s.${on.quote(ROW_NUMBER_COLUMN)}`;
  const fails = async (last: number): Promise<boolean> => {
    let isDone = false;
    await on.trySavepoint(async () => {
      await on.dialect.connection.run(statement(`${line} <= ${last}`));
      isDone = true;
      return false;
    });
    return !isDone;
  };
  try {
    let [sound, broken] = [0, staging.rows + staging.skipped];
    if (!(await fails(broken))) return undefined;
    while (broken - sound > 1) {
      const middle = Math.floor((sound + broken) / 2);
      if (await fails(middle)) broken = middle;
      else sound = middle;
    }
    const names = staging.displayKeyColumns.map((name) => `s.${on.quote(name)}`);
    const [key] =
      names.length === 0
        ? []
        : await on.dialect.connection.rows(
            `select ${names.join(", ")} from ${stagingName(on.dialect, staging)} as s where ${line} = ${broken}`,
          );
    return `row ${broken} of the export${key === undefined ? "" : `, ${keyText(key)}`}`;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_DATABASE") return undefined;
    throw error;
  }
}
