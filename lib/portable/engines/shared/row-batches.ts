/** Collects the rows of a driver in batches. */
import type { Row } from "../../engine/session.ts";

/** The most rows, or bytes, of a batch: rows may be large. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 1024 * 1024;

/** Collects rows into batches of some hundreds, or fewer if they are large. */
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
