/** Groups the rows of a table that are duplicates to people. */
import type { Cell } from "../engine/session.ts";
import type { Column } from "../schema/tables.ts";

export interface ReferenceRow {
  /** Values of the requested columns, in their order. */
  readonly values: readonly Cell[];
  /** Texts of the compared columns, as stored. */
  readonly said: readonly string[];
  /** The number of rows that refer to it. */
  readonly references: number;
}

export interface DuplicateGroup {
  readonly stays: ReferenceRow;
  readonly others: readonly ReferenceRow[];
}

/** Normalizes a text for comparison: trims it, collapses white space, folds case, and composes accents (NFC). */
export const folded = (text: string): string =>
  text.normalize("NFC").trim().replaceAll(/\s+/gu, " ").toUpperCase().toLowerCase();

/**
 * Returns the value by which rows are compared: texts normalized, others as they are. Undefined if a value is NULL,
 * which equals nothing, or if all are blank.
 */
export function sameness(columns: readonly Column[], cells: readonly Cell[]): string | undefined {
  if (cells.includes(null)) return undefined;
  const parts = columns.map(({ kind }, at) => {
    const text = textOf(cells[at] ?? null);
    return kind === "text" || kind === "enum" ? folded(text) : text;
  });
  return parts.every((part) => part === "") ? undefined : JSON.stringify(parts);
}

/** Returns a value as text, for people and for comparison within its column. */
export const textOf = (cell: Cell): string => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell));

/**
 * Groups rows: the one with the most references stays, among equals the one with the smallest primary key. `keyColumns`
 * are the positions of the primary key in its values.
 */
export function groupOf(rows: readonly ReferenceRow[], keyColumns: readonly number[]): DuplicateGroup | undefined {
  const idOf = ({ values }: ReferenceRow): Cell[] => keyColumns.map((at) => values[at] ?? null);
  const [stays, ...others] = rows.toSorted((a, b) => b.references - a.references || byId(idOf(a), idOf(b)));
  return stays === undefined || others.length === 0 ? undefined : { stays, others };
}

const INTEGER = /^-?\d+$/;

function byId(a: readonly Cell[], b: readonly Cell[]): number {
  for (const [at, one] of a.entries()) {
    const [left, right] = [textOf(one), textOf(b[at] ?? null)];
    if (left === right) continue;
    if (INTEGER.test(left) && INTEGER.test(right)) return BigInt(left) < BigInt(right) ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
