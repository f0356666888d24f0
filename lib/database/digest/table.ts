/** The digest of a table: of its rows as a multiset, so that their order does not count and their number does. */
import { createHash, hash } from "node:crypto";

const BITS = 256;

export interface DigestColumn {
  readonly name: string;
}

/**
 * Computes the digest of a table, independent of the order of its rows and columns. It is the sha256 of `holdfast table
 * 1` LF, the lower-case names of the columns in byte order, each ended by NUL, LF, the number of rows LF, and the sum
 * modulo 2^256 of the rows' digests as 64 hex digits LF. A row's digest is the sha256 of its cells in the order of the
 * names: length in decimal, `:` and canonical form; `-` for NULL.
 */
export class TableDigest {
  /** The places of the cells, in the order of the names. */
  readonly order: readonly number[];
  readonly #names: readonly string[];
  #rows = 0;
  /** The sum of the digests: sixteen bits an element, the last one the least, exact for 2^37 rows. */
  readonly #sums = new Float64Array(BITS / 16);

  constructor(columns: readonly DigestColumn[]) {
    const named = columns.map(({ name }, index) => ({ name: name.toLowerCase(), index }));
    const sorted = named.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    this.#names = sorted.map(({ name }) => name);
    this.order = sorted.map(({ index }) => index);
  }

  /** The cells in the order in which the columns were given, in their canonical form; null for NULL. */
  add(cells: readonly (Buffer | null)[]): void {
    const row = this.order.map((index) => digestCell(cells[index]?.toString("latin1") ?? null)).join("");
    this.addBytes(Buffer.from(row, "latin1"));
  }

  /** A row as it is digested: `digestCell` of each cell in the order of the names. */
  addBytes(row: Uint8Array): void {
    this.addDigest(hash("sha256", row, "binary"));
  }

  /** A row by the sha256 of what `addBytes` takes, one character a byte. */
  addDigest(digest: string): void {
    for (let word = 0; word < this.#sums.length; word++)
      this.#sums[word] = (this.#sums[word] ?? 0) + digest.charCodeAt(2 * word) * 256 + digest.charCodeAt(2 * word + 1);
    this.#rows++;
  }

  /** Lower-case hex. */
  finish(): string {
    const total = [...this.#sums].reduce((sum, word) => (sum << 16n) + BigInt(word), 0n) % (1n << BigInt(BITS));
    const names = this.#names.map((name) => `${name}\0`).join("");
    const sum = total.toString(16).padStart(64, "0");
    return createHash("sha256").update(`holdfast table 1\n${names}\n${this.#rows}\n${sum}\n`).digest("hex");
  }
}

/** A canonical form, as bytes, with its length before it. */
export const digestCell = (form: string | null): string => (form === null ? "-" : `${form.length}:${form}`);
