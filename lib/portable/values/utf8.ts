/** Checks whether bytes that arrive in pieces are valid UTF-8. */
import { isUtf8 } from "node:buffer";

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Returns the number of bytes of a character that begins with this one. */
const widthOf = (first: number): number => (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);

export class Utf8Check {
  /** The beginning of a character that a piece boundary split. */
  #rest = Buffer.alloc(0);
  #isValid = true;

  add(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const end = completeLength(bytes);
    this.#isValid &&= isUtf8(bytes.subarray(0, end));
    this.#rest = Buffer.from(bytes.subarray(end));
  }

  /** Returns the result after the last piece. */
  get isValid(): boolean {
    return this.#isValid && this.#rest.length === 0;
  }
}

/** Returns the end of the last complete character, or of bytes that cannot be one. */
function completeLength(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 4); at--) {
    const byte = bytes[at] ?? 0;
    if (isContinuation(byte)) continue;
    return at + widthOf(byte) > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}

/** Returns the number of characters that begin in these bytes of UTF-8. */
export function countCharacters(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (!isContinuation(byte)) count++;
  return count;
}
