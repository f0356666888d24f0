/** Adds a large value to the digest of its row, piece by piece, in the canonical form of its column. */
import type { Hash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { canonicalJsonBytes } from "../bytes/canonical-json.ts";
import type { Column, Kind } from "../schema/tables.ts";
import type { LargeValue } from "../format/large-value.ts";

/** Receives the pieces of a value. It adds the length of the form, `:` and the form to the digest of a row. */
export interface FormWriter {
  add(piece: Buffer): void;
  finish(): void;
}

/**
 * Returns a writer for the form of a value. Bytes and text are streamed behind a letter; JSON is collected first.
 * `where` names the value in errors.
 */
export function formOf({ column, bytes, is }: LargeValue, where: string, hash: Hash): FormWriter {
  const letter = letterOf(column, is);
  if (letter === "j") return new JsonFormWriter(bytes, where, hash);
  hash.update(`${bytes + 1}:${letter}`);
  return { add: (piece) => void hash.update(piece), finish: () => {} };
}

const OTHERS: ReadonlySet<Kind> = new Set(["bytes", "json"]);

function letterOf({ kind, sourceKind }: Column, is: "text" | "bytes"): "x" | "t" | "j" {
  if (sourceKind === undefined) return is === "bytes" ? "x" : kind === "json" ? "j" : "t";
  return !OTHERS.has(sourceKind.kind) ? "t" : sourceKind.kind === "bytes" ? "x" : "j";
}

class JsonFormWriter implements FormWriter {
  readonly #text: Buffer;
  readonly #where: string;
  readonly #hash: Hash;
  #size = 0;

  constructor(bytes: number, where: string, hash: Hash) {
    this.#text = Buffer.allocUnsafeSlow(bytes);
    this.#where = where;
    this.#hash = hash;
  }

  add(piece: Buffer): void {
    piece.copy(this.#text, this.#size);
    this.#size += piece.length;
  }

  finish(): void {
    try {
      const form = canonicalJsonBytes(this.#text);
      this.#hash.update(`${form.length + 1}:j`).update(form);
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error || error instanceof RangeError)) throw error;
      throw new HoldfastError(
        "E_IMPORT",
        `${this.#where} is JSON of ${this.#size} bytes, which is too large to compare: the limit is 512 MiB`,
        {
          hint: "omit its column with portable.exclude_columns; the dump of the step db contains it",
          cause: error,
        },
      );
    }
  }
}
