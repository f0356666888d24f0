/** Rows of a table that are one and the same to people. */
import type { Cell } from "../connection.ts";
import type { Column } from "../schema/tables.ts";

/** A row of the table that is reconciled. */
export interface ReferenceRow {
  /** In the order of the columns that were asked for. */
  readonly values: readonly Cell[];
  /** What it is compared by, as it stands there. */
  readonly said: readonly string[];
  /** How many rows lead to it. */
  readonly references: number;
}

export interface DuplicateGroup {
  readonly stays: ReferenceRow;
  readonly others: readonly ReferenceRow[];
}

/** Without blanks at its ends, one blank for several, no difference of case, one form of letters with marks. */
export const folded = (text: string): string =>
  text.normalize("NFC").trim().replaceAll(/\s+/gu, " ").toUpperCase().toLowerCase();

/**
 * What rows are compared by: texts folded, anything else as it is. Undefined where a value is NULL, which is no value to compare, or where all are blank.
 */
export function sameness(columns: readonly Column[], cells: readonly Cell[]): string | undefined {
  if (cells.includes(null)) return undefined;
  const parts = columns.map(({ kind }, at) => {
    const text = textOf(cells[at] ?? null);
    return kind === "text" || kind === "enum" ? folded(text) : text;
  });
  return parts.every((part) => part === "") ? undefined : JSON.stringify(parts);
}

/** A value for people, and for looking it up among others of its column. */
export const textOf = (cell: Cell): string => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell));

/** The row with the most references stays, of several the one with the smallest number: `number` places are those of the primary key. */
export function groupOf(rows: readonly ReferenceRow[], number: readonly number[]): DuplicateGroup | undefined {
  const [stays, ...others] = rows.toSorted(
    (a, b) => b.references - a.references || byNumber(number.map((at) => a.values[at] ?? null), number.map((at) => b.values[at] ?? null)), // prettier-ignore
  );
  return stays === undefined || others.length === 0 ? undefined : { stays, others };
}

const INTEGER = /^-?\d+$/;

function byNumber(a: readonly Cell[], b: readonly Cell[]): number {
  for (const [at, one] of a.entries()) {
    const [left, right] = [textOf(one), textOf(b[at] ?? null)];
    if (left === right) continue;
    if (INTEGER.test(left) && INTEGER.test(right)) return BigInt(left) < BigInt(right) ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
