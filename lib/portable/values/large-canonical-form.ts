/** The canonical form of a large value, for the digest of its row: as its column would have it, piece by piece. */
import type { Hash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { jsonForm } from "./canonical-json.ts";
import type { Column, Kind } from "../schema/tables.ts";
import type { LargeValue } from "../format/large-value.ts";
import { jsonBytes } from "./large-canonical-json.ts";

/** Takes the pieces of a value; what it adds to the digest of a row is the length of the form, `:` and the form. */
export interface FormWriter {
  add(piece: Buffer): void;
  finish(): void;
}

/** The form of bytes and texts is a letter and what they are; that of JSON is known only when all of it is there. `where` names the value for an error. */
export function formOf({ column, bytes, is }: LargeValue, where: string, hash: Hash): FormWriter {
  const letter = letterOf(column, is);
  if (letter === "j") return new JsonFormWriter(bytes, where, hash);
  hash.update(`${bytes + 1}:${letter}`);
  return { add: (piece) => void hash.update(piece), finish: () => {} };
}

const OTHERS: ReadonlySet<Kind> = new Set(["bytes", "json"]);

function letterOf({ kind, sent }: Column, is: "text" | "bytes"): "x" | "t" | "j" {
  if (sent === undefined) return is === "bytes" ? "x" : kind === "json" ? "j" : "t";
  return !OTHERS.has(sent.kind) ? "t" : sent.kind === "bytes" ? "x" : "j";
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
      const form = jsonBytes(this.#text) ?? Buffer.from(jsonForm(this.#text.toString("latin1")), "latin1");
      this.#hash.update(`${form.length + 1}:j`).update(form);
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error || error instanceof RangeError)) throw error;
      throw new HoldfastError(
        "E_IMPORT",
        `${this.#where} is JSON of ${this.#size} bytes, which is too long to be compared: 512 MiB is the most`,
        {
          hint: "leave its column out with portable.exclude_columns; the dump of the step db has it",
          cause: error,
        },
      );
    }
  }
}
