/** Writes the rows of one table as compressed files of lines, each with its digest. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { ExportedFile, ExportedTable } from "../format/documents.ts";

const MOST_ROWS = 250_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** The size of text compressed at once, as a gzip member of its own. */
const PIECE = 512 * 1024;
/** The number of pieces compressed while the next one fills: enough to keep another processor busy. */
const AHEAD = 2;
/** The fill level from which a piece counts as full. */
const ALMOST = PIECE - 16 * 1024;
/**
 * Rows repeat what is near: a window of 16 KiB makes them smaller than one of 32 KiB, in three quarters of the time.
 */
const OPTIONS = { level: 1, chunkSize: 256 * 1024, windowBits: 14, memLevel: 9 };
const compress = promisify(gzip);

interface Open {
  readonly path: string;
  readonly fd: number;
  /** The digest of the file. */
  readonly hash: Hash;
  /** The digest of its lines up to the trailer. */
  readonly lines: Hash;
  rows: number;
  text: number;
  size: number;
  /** Pending writes of pieces, in order. */
  readonly writing: Promise<void>[];
}

export class ChunkWriter {
  readonly files: ExportedFile[] = [];
  readonly #root: string;
  readonly #directory: string;
  readonly #header: string;
  #open: Open | undefined;
  /** Text not yet compressed. */
  readonly #piece = new ByteWriter(Buffer.allocUnsafeSlow(PIECE));
  readonly #buffers: Buffer[] = [];

  /** `directory` is relative to the export's `root`. */
  constructor(root: string, directory: string, header: ExportedTable) {
    this.#root = root;
    this.#directory = directory;
    this.#header = `${JSON.stringify(header)}\n`;
  }

  /** Returns the writer to which a row's line is appended, with its line end, before `endRow`. */
  beginRow(): ByteWriter {
    if (this.#open === undefined) this.#begin();
    return this.#piece;
  }

  /** Ends a row. The caller calls `flush` if the writer is full. */
  endRow(): void {
    if (this.#open !== undefined) this.#open.rows++;
  }

  get isFull(): boolean {
    const open = this.#open;
    return this.#piece.length >= ALMOST || (open !== undefined && this.#isWhole(open));
  }

  #isWhole({ rows, text }: Open): boolean {
    return rows >= MOST_ROWS || text + this.#piece.length >= MOST_BYTES;
  }

  async flush(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    await this.#compress(open);
    if (this.#isWhole(open)) await this.#end(open);
  }

  /** Finishes the files. A table without rows gets one as well, with its header. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#end(this.#open);
    else if (this.files.length === 0) await this.#end(this.#begin());
  }

  /** Closes the file that a failure left open. */
  async abandon(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    await Promise.allSettled(open.writing);
    closeSync(open.fd);
  }

  #begin(): Open {
    const file = `${this.#directory}/${String(this.files.length + 1).padStart(5, "0")}.ndjson.gz`;
    const absolute = path.join(this.#root, file);
    mkdirSync(path.dirname(absolute), { recursive: true });
    const fd = openSync(absolute, "wx", 0o640);
    const [hash, lines] = [createHash("sha256"), createHash("sha256")];
    this.#open = { path: file, fd, hash, lines, rows: 0, text: 0, size: 0, writing: [] };
    this.#piece.text(this.#header);
    return this.#open;
  }

  async #compress(open: Open): Promise<void> {
    if (this.#piece.length === 0) return;
    const text = this.#take();
    open.text += text.length;
    open.lines.update(text);
    const written = this.#write(open, text, open.writing.at(-1)).then(() => {
      if (text.buffer.byteLength === PIECE) this.#buffers.push(Buffer.from(text.buffer));
    });
    written.catch(() => {}); // reported to those who await this write or a later one
    open.writing.push(written);
    if (open.writing.length > AHEAD) await open.writing.shift();
  }

  /** Takes the text that is not yet compressed. */
  #take(): Buffer {
    const text = this.#piece.bytes.subarray(0, this.#piece.length);
    this.#piece.bytes = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(PIECE);
    this.#piece.length = 0;
    return text;
  }

  async #write(open: Open, text: Buffer, before: Promise<void> | undefined): Promise<void> {
    const [data] = await Promise.all([compress(text, OPTIONS), before]);
    open.hash.update(data);
    for (let done = 0; done < data.length;) done += writeSync(open.fd, data, done);
    open.size += data.length;
  }

  async #end(open: Open): Promise<void> {
    await this.#compress(open);
    const trailer = `${JSON.stringify({ rows: open.rows, sha256: open.lines.digest("hex") })}\n`;
    await this.#write(open, Buffer.from(trailer), open.writing.at(-1));
    fsyncSync(open.fd);
    closeSync(open.fd);
    this.#open = undefined;
    this.files.push({ path: open.path, rows: open.rows, size_bytes: open.size, sha256: open.hash.digest("hex") });
  }
}
