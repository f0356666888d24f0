/** Reads small pieces of a file here and there without a system call for each. */
import { closeSync, fstatSync, readSync } from "node:fs";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { openRegular } from "./regular-file.ts";

const WINDOW_SIZE = 256 * 1024;

/** The buffer of the last closed file: one file after another is opened, as many as there are archives. */
let spare: Buffer | undefined;

export class BufferedFile {
  readonly fd: number;
  readonly size: number;
  readonly #buffer: Buffer;
  #start = 0;
  #length = 0;

  constructor(path: string) {
    try {
      this.fd = openRegular(path, "E_ARCHIVE");
    } catch (error) {
      throw asHoldfastError(error, "E_IO");
    }
    this.size = fstatSync(this.fd).size;
    this.#buffer = spare ?? Buffer.allocUnsafeSlow(WINDOW_SIZE);
    spare = undefined;
  }

  /** A view of the bytes, good until the next call. Throws `E_ARCHIVE` when the file ends before `end`. */
  slice(start: number, end: number): Buffer {
    if (end > this.size) throw new HoldfastError("E_ARCHIVE", "truncated: a record goes beyond the end of the file");
    const length = end - start;
    if (length > WINDOW_SIZE) return this.#read(Buffer.allocUnsafe(length), start);
    if (start < this.#start || end > this.#start + this.#length) {
      this.#start = start;
      this.#length = this.#read(this.#buffer.subarray(0, Math.min(WINDOW_SIZE, this.size - start)), start).length;
    }
    return this.#buffer.subarray(start - this.#start, end - this.#start);
  }

  /** Views of its bytes are no longer good. */
  close(): void {
    closeSync(this.fd);
    spare = this.#buffer;
  }

  #read(into: Buffer, position: number): Buffer {
    for (let done = 0; done < into.length;) {
      const count = readSync(this.fd, into, done, into.length - done, position + done);
      if (count === 0) throw new HoldfastError("E_ARCHIVE", "truncated while it was read");
      done += count;
    }
    return into;
  }
}
