/**
 * Normalizes values of types with several spellings to the server's own output: a record's `["1", null]` or `[1,5]`
 * becomes PostgreSQL's `{1,NULL}` or `[1,6)`.
 */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Cell } from "../../engine/session.ts";
import type { Column, Table } from "../../schema/tables.ts";
import type { Loaded } from "./records.ts";
import { FILE, LINE, quoteName, type Scratch } from "./scratch-database.ts";

const KINDS: ReadonlySet<Column["kind"]> = new Set(["array", "interval", "native"]);
const BATCH = 500;

/**
 * Normalizes the values in the scratch database. Throws `E_IMPORT` with file and line for values that the database
 * cannot read.
 */
export async function normalizeLiterals(
  connection: Connection,
  scratch: Scratch,
  loaded: Iterable<Loaded>,
): Promise<void> {
  if (connection.engine.normalizeLiterals === undefined) return;
  for (const { table, given } of loaded)
    for (const column of table.columns)
      if (KINDS.has(column.kind) && given.has(column.name)) await normalizeColumn(connection, scratch, table, column);
}

async function normalizeColumn(connection: Connection, scratch: Scratch, table: Table, column: Column): Promise<void> {
  const [name, own] = [scratch.quoted(table.id), quoteName(column.name)];
  const found =
    `select rowid, ${own}, ${quoteName(FILE)}, ${quoteName(LINE)} from ${name} where rowid > ? ` +
    `and ${own} is not null and ${quoteName(FILE)} is not null order by rowid limit ${BATCH}`;
  for (let after: Cell = 0n; ;) {
    const rows: Cell[][] = scratch.rows(found, [after]);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last[0] ?? null;
    const texts = await textsOf(connection, table, column, rows);
    for (const [at, [row = null, word]] of rows.entries())
      if (texts[at] !== word) scratch.run(`update ${name} set ${own} = ? where rowid = ?`, [texts[at] ?? null, row]);
  }
}

/** Has the server read the values; if that fails, one by one, to find the invalid value. */
async function textsOf(
  connection: Connection,
  table: Table,
  { name, native }: Column,
  rows: readonly Cell[][],
): Promise<Cell[]> {
  const ask = async (some: readonly Cell[][]): Promise<Cell[]> => {
    const words = some.map(([, word]) => String(word));
    return (await connection.engine.normalizeLiterals?.(connection, native, words)) ?? words;
  };
  await connection.run("savepoint holdfast_words");
  try {
    return await ask(rows);
  } catch {
    for (const row of rows) {
      await connection.run("rollback to savepoint holdfast_words");
      await ask([row]).catch((error: unknown) => {
        const [, word, file, line] = row.map(String);
        throw new HoldfastError(
          "E_IMPORT",
          `${file}, line ${line}: ${table.id}: ${name} has the invalid value ` +
            `${JSON.stringify(word?.slice(0, 80))}: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      });
    }
    throw new HoldfastError("E_INTERNAL", `${table.id}: the values of ${name} are valid one by one, but not together`);
  }
}
