/** Rows of a result as bytes: nothing is made of a cell before its encoder has seen it. */
import type { Cell } from "./session.ts";

/** Marks a NULL, and a value that is not text, in place of the position of a text. */
const NULL = -1;
const OTHER = -2;

/**
 * Consecutive rows of a result, valid until the next ones are read. Cells are numbered: those of the first row, those of
 * the second, and so on.
 */
export class CellBatch {
  /** The UTF-8 of all texts. */
  bytes: Buffer = Buffer.alloc(0);
  rows = 0;
  /** The number of cells in a row. */
  width = 0;
  #starts = new Int32Array(1024);
  #ends = new Int32Array(1024);
  #others = new Map<number, Cell>();
  #count = 0;

  /** Converts rows as drivers return them. */
  static of(rows: readonly (readonly Cell[])[]): CellBatch {
    const batch = new CellBatch();
    const size = rows.reduce((sum, row) => row.reduce<number>((all, cell) => all + mostBytes(cell), sum), 0);
    batch.bytes = Buffer.allocUnsafe(size);
    let at = 0;
    for (const row of rows) {
      for (const cell of row) {
        if (typeof cell === "string") {
          const start = at;
          at += batch.bytes.write(cell, at);
          batch.addText(start, at);
        } else if (cell === null) batch.addNull();
        else batch.#addOther(cell);
      }
      batch.endRow();
    }
    return batch;
  }

  /** Empties the batch for rows in other bytes. */
  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.rows = 0;
    this.#count = 0;
  }

  /** Adds a cell with the text at `start` up to `end`. */
  addText(start: number, end: number): void {
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
  }

  addNull(): void {
    this.addText(NULL, NULL);
  }

  #addOther(cell: Cell): void {
    this.#others.set(this.#count, cell);
    this.addText(OTHER, OTHER);
  }

  endRow(): void {
    this.rows++;
    if (this.rows === 1) this.width = this.#count;
  }

  /** Returns the start of a cell's text; it is negative if the cell is not text. */
  start(cell: number): number {
    return this.#starts[cell] ?? NULL;
  }

  end(cell: number): number {
    return this.#ends[cell] ?? NULL;
  }

  isNull(cell: number): boolean {
    return this.start(cell) === NULL;
  }

  /** Returns a cell as a driver returns it. */
  cell(cell: number): Cell {
    const start = this.start(cell);
    if (start >= 0) return this.bytes.toString("utf8", start, this.end(cell));
    return this.#others.get(cell) ?? null;
  }

  /** Returns the cells of a row. */
  row(row: number): Cell[] {
    return Array.from({ length: this.width }, (_, column) => this.cell(row * this.width + column));
  }

  #grow(): void {
    const grown = (from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(2 * from.length);
      larger.set(from);
      return larger;
    };
    this.#starts = grown(this.#starts);
    this.#ends = grown(this.#ends);
  }
}

const mostBytes = (cell: Cell): number => (typeof cell === "string" ? 3 * cell.length : 0);
