/** A gzip stream (RFC 1952) written in pieces: text deflated, media as stored blocks, several members if asked for. */
import { crc32 } from "node:zlib";
import { FINAL_BLOCK, writePiece } from "../compress.ts";
import type { ArchiveOutput, SinkMark } from "../output.ts";

export interface GzipMark {
  readonly sink: SinkMark;
  readonly crc: number;
  readonly size: number;
  readonly open: boolean;
}

export class GzipStream {
  readonly #sink: ArchiveOutput;
  readonly #level: number;
  /** Bytes that do not fill a piece yet. */
  readonly #pending = Buffer.allocUnsafeSlow(PIECE_SIZE);
  #pendingSize = 0;
  /** State of the member being written. */
  #open = false;
  #crc = 0;
  #size = 0;

  constructor(sink: ArchiveOutput, level: number) {
    this.#sink = sink;
    this.#level = level;
  }

  write(data: Uint8Array, compressible: boolean): void {
    this.#begin();
    if (!compressible && data.length >= WORTH_STORING) {
      this.#flush();
      this.#count(data);
      writePiece(this.#sink, data, { level: this.#level, compressible: false });
      return;
    }
    for (let start = 0; start < data.length;) {
      const part = data.subarray(start, start + PIECE_SIZE - this.#pendingSize);
      this.#pending.set(part, this.#pendingSize);
      this.#pendingSize += part.length;
      start += part.length;
      if (this.#pendingSize === PIECE_SIZE) this.#flush();
    }
  }

  /** A place to go back to. Pieces end here, whether or not it is used, so that the bytes do not depend on that. */
  mark(): GzipMark {
    this.#flush();
    return { sink: this.#sink.mark(), crc: this.#crc, size: this.#size, open: this.#open };
  }

  /** Gives the last mark up. */
  settle(): void {
    this.#sink.settle();
  }

  rewind(mark: GzipMark): void {
    this.#pendingSize = 0;
    this.#sink.rewind(mark.sink);
    this.#crc = mark.crc;
    this.#size = mark.size;
    this.#open = mark.open;
  }

  /** Ends the member; what is written next begins another. */
  endMember(): void {
    if (!this.#open) return;
    this.#flush();
    this.#sink.write(FINAL_BLOCK);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#size % 0x1_0000_0000, 4);
    this.#sink.write(trailer);
    this.#open = false;
    this.#crc = 0;
    this.#size = 0;
  }

  #begin(): void {
    if (this.#open) return;
    this.#sink.write(HEADER);
    this.#open = true;
  }

  #flush(): void {
    if (this.#pendingSize === 0) return;
    const data = this.#pending.subarray(0, this.#pendingSize);
    this.#pendingSize = 0;
    this.#count(data);
    writePiece(this.#sink, data, { level: this.#level, compressible: true });
  }

  #count(data: Uint8Array): void {
    this.#crc = crc32(data, this.#crc);
    this.#size += data.length;
  }
}

const PIECE_SIZE = 256 * 1024;
/** Less than this goes with the headers around it: ending a piece costs more than deflating it in vain. */
const WORTH_STORING = 4096;
/** No name, no time, no extra flags; made on Unix. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
