/** Reads and writes COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html */
import type { ByteCell, ByteRow } from "../../values/binary-string.ts";
import type { Cell, Row } from "../../engine/session.ts";

/** Parses rows from pieces of a COPY result, cut at any byte. */
export class CopyReader {
  /** The pieces of the unfinished row: joined once, however long it is. */
  #rest: string[] = [];

  /** Returns the rows that end in this piece. */
  rows(piece: Buffer): ByteRow[] {
    const text = piece.toString("latin1");
    const end = text.lastIndexOf("\n");
    this.#rest.push(text.slice(0, end === -1 ? undefined : end));
    if (end === -1) return [];
    const lines = this.#rest.join("").split("\n");
    this.#rest = [text.slice(end + 1)];
    return lines.map(cellsOf);
  }
}

function cellsOf(line: string): ByteCell[] {
  const cells = line.split("\t");
  if (!line.includes("\\")) return cells;
  return cells.map((cell) => (cell === "\\N" ? null : cell.includes("\\") ? unescape(cell) : cell));
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

const unescape = (cell: string): string =>
  cell.replaceAll(/\\(.)/gs, (_all, character: string) => ESCAPES[character] ?? character);

/** Formats rows for COPY. */
export function copyLines(rows: readonly Row[]): string {
  let lines = "";
  for (const row of rows)
    for (let at = 0; at < row.length; at++) lines += copyText(row[at] ?? null) + (at === row.length - 1 ? "\n" : "\t");
  return lines;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPED: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function copyText(value: Cell): string {
  if (value === null) return "\\N";
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString("hex")}`;
  const text = typeof value === "string" ? value : String(value);
  return SPECIAL.test(text) ? text.replaceAll(/[\\\t\n\r]/g, (character) => ESCAPED[character] ?? character) : text;
}
