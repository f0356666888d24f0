/** Tables of text for people: aligned columns under their heads. */
import { colors as pc } from "./colors.ts";
import { printable } from "./printable.ts";

/** Formats rows; the columns named in `right` are right-aligned, and `marks` are appended to the lines. */
export function formatColumns(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [], marks = [] }: { readonly right?: readonly string[]; readonly marks?: readonly string[] } = {},
): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        right.includes(heads[column] ?? "") ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const marked = rows.map((row, index) => `${line(row)}${marks[index] ?? ""}`);
  return [pc.bold(line(heads)), ...marked].map((text) => `${printable(text)}\n`).join("");
}
