/** Reads and writes COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html */
import { CellBatch, NULL, TEXT } from "../../engine/cell-batch.ts";
import type { Cell, Row } from "../../engine/session.ts";

const [TAB, NEWLINE, BACKSLASH, CAPITAL_N] = [0x09, 0x0a, 0x5c, 0x4e];
/** The bytes that letters stand for after a backslash; all others stand for themselves. */
const ESCAPES = new Map([..."bfnrtv"].map((letter, at) => [letter.charCodeAt(0), "\b\f\n\r\t\v".charCodeAt(at)]));

/** Parses rows from pieces of a COPY result, cut at any byte. Unescapes within the pieces, which it changes. */
export class CopyReader {
  /** The pieces of the unfinished row: joined once, however long it is. */
  #rest: Buffer[] = [];
  readonly #batch = new CellBatch();

  /** Returns the rows that end in this piece. */
  rows(piece: Buffer): CellBatch {
    const end = piece.lastIndexOf(NEWLINE) + 1;
    const batch = this.#batch;
    if (end === 0) {
      batch.begin(Buffer.alloc(0));
      this.#rest.push(piece);
      return batch;
    }
    const whole = piece.subarray(0, end);
    batch.begin(this.#rest.length === 0 ? whole : Buffer.concat([...this.#rest, whole]));
    this.#rest = end === piece.length ? [] : [piece.subarray(end)];
    readCells(batch);
    return batch;
  }
}

function readCells(batch: CellBatch): void {
  const { bytes } = batch;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === BACKSLASH) {
      const isNull = bytes[at + 1] === CAPITAL_N; // an N of its own is not escaped
      if (isNull) batch.add(NULL, at, at);
      at = isNull ? at + 2 : unescapeCell(batch, start, at);
    } else if (byte !== TAB && byte !== NEWLINE) continue;
    else batch.add(TEXT, start, at);
    if (bytes[at] === NEWLINE) batch.endRow();
    start = at + 1;
  }
}

/** Adds a cell with a backslash at `at`, and returns its end. */
function unescapeCell(batch: CellBatch, start: number, at: number): number {
  const { bytes } = batch;
  let end = at;
  for (;;) {
    let byte = bytes[at] ?? NEWLINE;
    if (byte === TAB || byte === NEWLINE) break;
    if (byte === BACKSLASH) {
      const escaped = bytes[++at] ?? 0;
      byte = ESCAPES.get(escaped) ?? escaped;
    }
    bytes[end++] = byte;
    at++;
  }
  batch.add(TEXT, start, end);
  return at;
}

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
