/** Rows of a result as bytes: nothing is made of a cell before its encoder has seen it. */

/**
 * A value as its engine prints it in full: 64-bit integers and decimals to the last digit, times with their
 * microseconds and in UTC, floats in the shortest form that restores them, `NaN` and `Infinity` as words, JSON and
 * arrays as their source text. Bytes are unchanged, NULL is null. In SQLite, where each value has its own type,
 * integers are `bigint` and floats `number`.
 */
export type Cell = string | Buffer | number | bigint | null;

/** The types of cells. Numbers are kept as text. */
export const [TEXT, NULL, BYTES, INTEGER, FLOAT] = [0, 1, 2, 3, 4];

/**
 * Consecutive rows of a result, valid until the next ones are read. Cells are numbered: those of the first row, those of
 * the second, and so on.
 */
export class CellBatch {
  /** The bytes of all cells; text is UTF-8. */
  bytes: Buffer = Buffer.alloc(0);
  /** For each cell its type, and the positions in `bytes` where it begins and ends. */
  types = new Uint8Array(1024);
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  rows = 0;
  /** The number of cells in a row. */
  width = 0;
  #count = 0;

  /** Converts rows as drivers return them. */
  static of(rows: readonly (readonly Cell[])[]): CellBatch {
    const size = rows.reduce((sum, row) => row.reduce<number>((all, cell) => all + mostBytes(cell), sum), 0);
    const batch = new CellBatch();
    const bytes = Buffer.allocUnsafe(size);
    batch.begin(bytes);
    let at = 0;
    for (const row of rows) {
      for (const cell of row) {
        const start = at;
        if (cell === null) batch.add(NULL, 0, 0);
        else {
          at += Buffer.isBuffer(cell) ? cell.copy(bytes, at) : bytes.write(String(cell), at);
          batch.add(typeOf(cell), start, at);
        }
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

  /** Adds a cell to the row. */
  add(type: number, start: number, end: number): void {
    if (this.#count === this.types.length) this.#grow();
    this.types[this.#count] = type;
    this.starts[this.#count] = start;
    this.ends[this.#count++] = end;
  }

  endRow(): void {
    this.rows++;
    if (this.rows === 1) this.width = this.#count;
  }

  isNull(cell: number): boolean {
    return this.types[cell] === NULL;
  }

  /** Returns a cell as a driver returns it. */
  cell(cell: number): Cell {
    const [type, start, end] = [this.types[cell], this.starts[cell], this.ends[cell]];
    if (type === NULL) return null;
    if (type === BYTES) return Buffer.from(this.bytes.subarray(start, end));
    const text = this.bytes.toString("utf8", start, end);
    return type === INTEGER ? BigInt(text) : type === FLOAT ? Number(text) : text;
  }

  /** Returns the cells of a row. */
  row(row: number): Cell[] {
    return Array.from({ length: this.width }, (_, column) => this.cell(row * this.width + column));
  }

  #grow(): void {
    const size = 2 * this.types.length;
    const [types, starts, ends] = [new Uint8Array(size), new Int32Array(size), new Int32Array(size)];
    types.set(this.types);
    starts.set(this.starts);
    ends.set(this.ends);
    [this.types, this.starts, this.ends] = [types, starts, ends];
  }
}

const typeOf = (cell: string | Buffer | number | bigint): number =>
  typeof cell === "string" ? TEXT : typeof cell === "bigint" ? INTEGER : typeof cell === "number" ? FLOAT : BYTES;

/** Returns the room that a cell needs; the text of a number has at most 25 characters. */
const mostBytes = (cell: Cell): number =>
  cell === null ? 0 : typeof cell === "string" ? 3 * cell.length : Buffer.isBuffer(cell) ? cell.length : 25;
