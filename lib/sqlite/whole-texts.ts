/**
 * Protection from versions of `node:sqlite` that cut a text at its first NUL: such rows are refused, never read short.
 */
import type { SqliteStatement, SqliteValue } from "./database.ts";
import { SqliteError } from "./error.ts";

/**
 * Returns the statement, which now throws where a row of a query has a text with a NUL. The query is evaluated once
 * more for it.
 */
export function assertWholeTexts(
  statement: SqliteStatement,
  sql: string,
  prepare: (sql: string) => SqliteStatement,
): SqliteStatement {
  if (statement.columns.length === 0 || !/^\s*(?:select|with|values)\b/i.test(sql)) return statement;
  const names = statement.columns.map((_, index) => `c${index}`);
  const cut = names.map((name) => `(typeof(${name}) = 'text' and instr(${name}, char(0)) > 0)`).join(" or ");
  const source = sql.replace(/[\s;]+$/, "");
  let check: SqliteStatement | undefined;
  const assert = (parameters: readonly SqliteValue[]): void => {
    check ??= prepare(`with checked(${names.join(", ")}) as (${source}\n) select 1 from checked where ${cut} limit 1`);
    if (check.get(...parameters) === undefined) return;
    throw new SqliteError(
      "SQLITE_MISMATCH",
      `a text holds a NUL character, which the SQLite of Node ${process.version} cannot read; use Node 24.20 or later`,
    );
  };
  return {
    columns: statement.columns,
    all: (...parameters) => {
      assert(parameters);
      return statement.all(...parameters);
    },
    get: (...parameters) => {
      assert(parameters);
      return statement.get(...parameters);
    },
    *iterate(...parameters) {
      assert(parameters);
      yield* statement.iterate(...parameters);
    },
    run: (...parameters) => statement.run(...parameters),
  };
}
