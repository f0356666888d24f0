/** SQLite's own check of a database. */
import type { SqliteDatabase } from "../../sqlite/database.ts";
import { firstColumn } from "../../sqlite/query.ts";

export interface Integrity {
  /** The lines of `pragma integrity_check`, joined; `ok` when it finds nothing. */
  readonly result: string;
  /**
   * Tables that could not be checked, each with the reason: a collation, function or tokenizer of the application's
   * own, which no other program has.
   */
  readonly unchecked: readonly string[];
}

/** Checks a database; throws SQLite's error where it is damaged beyond checking. */
export function checkIntegrity(db: SqliteDatabase): Integrity {
  try {
    return { result: linesOf(db, "pragma integrity_check"), unchecked: [] };
  } catch (error) {
    if (!isOfApplication(error)) throw error;
  }
  const names = firstColumn(
    db,
    "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name",
  );
  const unchecked: string[] = [];
  const found = new Set<string>();
  for (const name of names.map(String)) {
    try {
      found.add(linesOf(db, `pragma integrity_check("${name.replaceAll('"', '""')}")`));
    } catch (error) {
      if (!isOfApplication(error)) throw error;
      unchecked.push(`SQLite could not check the table ${name}: ${messageOf(error)}`);
    }
  }
  const damage = [...found].filter((result) => result !== "ok");
  return { result: damage.length === 0 ? "ok" : damage.join("; "), unchecked };
}

/** Checks whether a statement failed for lack of an application's function or collation. Damage has other codes. */
export function isOfApplication(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    String(error.code).startsWith("SQLITE_ERROR") &&
    /no such (?:collation sequence|function|module|tokenizer)|unknown (?:function|tokenizer)|no query solution/.test(
      error.message,
    )
  );
}

function linesOf(db: SqliteDatabase, pragma: string): string {
  return firstColumn(db, pragma).map(String).join("; ");
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
