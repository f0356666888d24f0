/** Rows on their way from a driver, some hundreds at a time. */
import type { Row } from "../../connection.ts";

/** A batch is over when it has this many rows, or so many bytes: rows may be large. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 1024 * 1024;

/** Collects rows into batches of some hundreds, of fewer where they are large. */
export class Batch {
  #rows: Row[] = [];
  #bytes = 0;

  add(row: Row): void {
    this.#rows.push(row);
    for (const cell of row) this.#bytes += typeof cell === "string" || Buffer.isBuffer(cell) ? cell.length : 8;
  }

  get isFull(): boolean {
    return this.#rows.length >= BATCH_ROWS || this.#bytes >= BATCH_BYTES;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  take(): readonly Row[] {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    return rows;
  }
}
