/** COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html */
import type { ByteCell, ByteRow } from "../bytes.ts";

/** Rows out of the bytes of an answer, however they are cut. */
export class CopyReader {
  #rest = "";

  /** The rows that end in this piece. */
  rows(piece: Buffer): ByteRow[] {
    const lines = (this.#rest + piece.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
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
