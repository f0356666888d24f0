/** The engine's part in paths of trees: one text for each row, its parts separated by commas. See rows/tree-path.ts. */
import type { Column } from "../schema/tables.ts";
import type { Cell, Session } from "./session.ts";

export interface PathSql {
  /** Prepares the session for recursive queries over deep trees. */
  prepare(session: Session): Promise<void>;
  /** Joins texts with commas. */
  join(texts: readonly string[]): string;
  /** Casts the first text of a recursive query to a width that the later ones fit in. */
  widen(text: string): string;
  /** Returns the SQL that prints a value as a part: its text or bytes in hexadecimal, with its type if that varies. */
  part(expression: string, column: Column): string;
  /** Returns the value of a part as the engine would print it alone. */
  cell(part: string, column: Column): Cell;
  /** Returns the path that a part holds. */
  nested(part: string): string;
}
