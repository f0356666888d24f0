/** The digest of a table: of its rows as a multiset, so that their order does not count and their number does. */
import { createHash } from "node:crypto";

const BITS = 256n;
const MODULUS = 1n << BITS;

export interface DigestColumn {
  readonly name: string;
}

/**
 * sha256 of `holdfast table 1` LF, the lower-case names of the columns in byte order, each ended by NUL, LF, the number of rows LF, and the sum
 * modulo 2^256 of the rows' digests as 64 hex digits LF. A row's digest is the sha256 of its cells in the order of the names, each its length in
 * decimal, `:` and its canonical form; NULL is `-`.
 */
export class TableDigest {
  readonly #order: readonly number[];
  readonly #names: readonly string[];
  #rows = 0n;
  #sum = 0n;
  /** Digests that are not in the sum yet: four words each. */
  readonly #words = [0n, 0n, 0n, 0n];

  constructor(columns: readonly DigestColumn[]) {
    const named = columns.map(({ name }, index) => ({ name: name.toLowerCase(), index }));
    const sorted = named.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    this.#names = sorted.map(({ name }) => name);
    this.#order = sorted.map(({ index }) => index);
  }

  /** The cells in the order in which the columns were given, in their canonical form; null for NULL. */
  add(cells: readonly (Buffer | null)[]): void {
    const hash = createHash("sha256");
    for (const index of this.#order) {
      const cell = cells[index] ?? null;
      if (cell === null) hash.update("-");
      else hash.update(`${cell.length}:`).update(cell);
    }
    const digest = hash.digest();
    for (let word = 0; word < 4; word++)
      this.#words[word] = (this.#words[word] ?? 0n) + digest.readBigUInt64BE(word * 8);
    this.#rows++;
  }

  /** Lower-case hex. */
  finish(): string {
    this.#sum = this.#words.reduce((sum, word) => (sum << 64n) + word, 0n) % MODULUS;
    const names = this.#names.map((name) => `${name}\0`).join("");
    const sum = this.#sum.toString(16).padStart(64, "0");
    return createHash("sha256").update(`holdfast table 1\n${names}\n${this.#rows}\n${sum}\n`).digest("hex");
  }
}
