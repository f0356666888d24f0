/**
 * Writes an archive through the sealing program into a new file, so that its content is never on the disk. A worker
 * thread writes synchronously: its end of a FIFO blocks until the program has taken the bytes.
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BrokenOutput, createOutput, Unrewindable } from "../../archive/output.ts";
import type { ArchiveOutput, SinkMark, Written } from "../../archive/output.ts";
import { asHoldfastError, HoldfastError, systemCode } from "../../errors.ts";
import { startFilter } from "../../exec/filter.ts";
import { makeFifo } from "../../exec/fifo.ts";
import { hashFile } from "../files/hash.ts";
import type { Seal } from "../../model/seal.ts";
import { sealedName } from "./names.ts";
import { sealCommand, sealingError } from "./program.ts";

const BUFFER_SIZE = 1024 * 1024;
/** The bytes after a mark that are held back, at most, so that they can be removed again. */
const MOST_HELD = 16 * BUFFER_SIZE;

/** Errors are HoldfastErrors: those of the disk, and `E_SEAL` when the program fails. */
export class SealedOutput implements ArchiveOutput {
  readonly path: string;
  readonly #hash = createHash("sha256");
  readonly #abort = new AbortController();
  #file: number | null;
  readonly #filter: Promise<unknown>;
  /** The end of the FIFO that is written to; null once it is closed. */
  #pipe: number | null;
  /** Pieces that may still be removed: all after the mark. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #sent = 0;
  #mark: number | null = null;

  /** Creates the file, `path` with the suffix of the program. `pipes` is a directory for a moment's FIFO. */
  constructor(path: string, seal: Seal, pipes: string) {
    this.path = sealedName(path, seal);
    const { input, pipe } = openPipe(pipes);
    this.#pipe = pipe;
    const output = createOutput(this.path);
    this.#file = output;
    this.#filter = startFilter(sealCommand(seal), { input, output }, { signal: this.#abort.signal, code: "E_SEAL" });
    closeSync(input);
  }

  get bytes(): number {
    return this.#sent + this.#heldBytes;
  }

  write(data: Uint8Array): void {
    const last = this.#held.at(-1);
    if (last !== undefined && last.length + data.length <= last.buffer.byteLength) {
      // Short pieces share a buffer.
      const joined = Buffer.from(last.buffer, 0, last.length + data.length);
      joined.set(data, last.length);
      this.#held[this.#held.length - 1] = joined;
    } else if (data.length >= BUFFER_SIZE) {
      this.#held.push(Buffer.from(data));
    } else {
      const buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE).subarray(0, data.length);
      buffer.set(data);
      this.#held.push(buffer);
    }
    this.#heldBytes += data.length;
    const isHeld = this.#mark !== null && this.#sent === this.#mark;
    if (this.#heldBytes >= (isHeld ? MOST_HELD : BUFFER_SIZE)) this.#send();
  }

  mark(): SinkMark {
    this.#send();
    this.#mark = this.bytes;
    return { bytes: this.#mark, hash: this.#hash };
  }

  rewind({ bytes }: SinkMark): void {
    if (bytes !== this.#mark || this.#sent !== bytes)
      throw new Unrewindable(`${bytes} bytes were marked, ${this.#sent} are sealed`);
    this.#held = [];
    this.#heldBytes = 0;
  }

  settle(): void {
    this.#mark = null;
  }

  async finish(): Promise<Written> {
    this.#send();
    this.#closePipe();
    await this.#ended();
    this.#closeFile();
    const stored = await hashFile(this.path, this.#abort.signal);
    return { ...stored, plain: { size: this.#sent, sha256: this.#hash.digest("hex") } };
  }

  discard(): void {
    this.#closePipe();
    this.#closeFile();
    this.#abort.abort();
    rmSync(this.path, { force: true });
  }

  #send(): void {
    const pieces = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const piece of pieces) {
      this.#writeOut(piece);
      this.#sent += piece.length;
      this.#hash.update(piece);
    }
  }

  #writeOut(data: Buffer): void {
    if (this.#pipe === null) throw new Error(`${this.path} is closed`);
    for (let done = 0; done < data.length;) {
      try {
        done += writeSync(this.#pipe, data, done, data.length - done);
      } catch (error) {
        if (systemCode(error) !== "EPIPE") throw asHoldfastError(error, "E_IO");
        throw new BrokenOutput(this.path, this.#reason());
      }
    }
  }

  /** Returns why the program took no more, once it has ended. */
  async #reason(): Promise<HoldfastError> {
    try {
      await this.#ended();
      return new HoldfastError("E_SEAL", `the program that seals ${this.path} ended too early`);
    } catch (error) {
      return asHoldfastError(error, "E_SEAL");
    }
  }

  /** Waits until the program has ended. Throws why it failed. */
  async #ended(): Promise<void> {
    try {
      await this.#filter;
    } catch (error) {
      throw sealingError(error);
    }
  }

  #closePipe(): void {
    if (this.#pipe !== null) closeSync(this.#pipe);
    this.#pipe = null;
  }

  #closeFile(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

/** Returns both ends of a pipe. Opening a FIFO for both waits for no peer, and then neither end does. */
function openPipe(directory: string): { readonly input: number; readonly pipe: number } {
  const fifo = join(directory, `seal-${randomUUID()}`);
  makeFifo(fifo);
  try {
    const both = openSync(fifo, constants.O_RDWR);
    try {
      return { input: openSync(fifo, constants.O_RDONLY), pipe: openSync(fifo, constants.O_WRONLY) };
    } finally {
      closeSync(both);
    }
  } finally {
    rmSync(fifo, { force: true });
  }
}
