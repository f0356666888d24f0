/** Writes the rows of one table as compressed files of lines, each with its digest. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { toBytes } from "../values/binary-string.ts";
import type { ExportedFile, ExportedTable } from "../format/documents.ts";

const MOST_ROWS = 250_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** The size of text compressed at once, as a gzip member of its own. */
const PIECE = 512 * 1024;
/** The number of pieces compressed while the next one fills: enough to keep another processor busy. */
const AHEAD = 2;
/** The fill level from which a piece counts as full. */
const ALMOST = PIECE - 16 * 1024;
const OPTIONS = { level: 1, chunkSize: 128 * 1024 };
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
  #piece: Buffer = Buffer.allocUnsafeSlow(PIECE);
  #filled = 0;
  readonly #buffers: Buffer[] = [];

  /** `directory` is relative to the export's `root`. */
  constructor(root: string, directory: string, header: ExportedTable) {
    this.#root = root;
    this.#directory = directory;
    this.#header = toBytes(`${JSON.stringify(header)}\n`);
  }

  /** Adds a row's line with its line end, as bytes. The caller calls `flush` if `isFull`. */
  add(line: string): void {
    const open = this.#open ?? this.#begin();
    open.rows++;
    this.#put(open, line);
  }

  get isFull(): boolean {
    const open = this.#open;
    return this.#filled >= ALMOST || (open !== undefined && (open.rows >= MOST_ROWS || open.text >= MOST_BYTES));
  }

  async flush(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    await this.#compress(open);
    if (open.rows >= MOST_ROWS || open.text >= MOST_BYTES) await this.#end(open);
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
    this.#put(this.#open, this.#header);
    return this.#open;
  }

  #put(open: Open, bytes: string): void {
    if (this.#filled + bytes.length > this.#piece.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#filled + bytes.length));
      this.#piece.copy(larger, 0, 0, this.#filled);
      this.#piece = larger;
    }
    this.#filled += this.#piece.write(bytes, this.#filled, "latin1");
    open.text += bytes.length;
  }

  async #compress(open: Open): Promise<void> {
    if (this.#filled === 0) return;
    const piece = this.#piece;
    const text = piece.subarray(0, this.#filled);
    this.#piece = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(PIECE);
    this.#filled = 0;
    open.lines.update(text);
    const written = this.#write(open, text, open.writing.at(-1)).then(() => {
      if (piece.length === PIECE) this.#buffers.push(piece);
    });
    written.catch(() => {}); // reported to those who await this write or a later one
    open.writing.push(written);
    if (open.writing.length > AHEAD) await open.writing.shift();
  }

  async #write(open: Open, text: Buffer, before: Promise<void> | undefined): Promise<void> {
    const [data] = await Promise.all([compress(text, OPTIONS), before]);
    open.hash.update(data);
    for (let done = 0; done < data.length;) done += writeSync(open.fd, data, done);
    open.size += data.length;
  }

  async #end(open: Open): Promise<void> {
    await this.#compress(open);
    this.#put(open, `${JSON.stringify({ rows: open.rows, sha256: open.lines.digest("hex") })}\n`);
    const trailer = this.#piece.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#write(open, trailer, open.writing.at(-1));
    fsyncSync(open.fd);
    closeSync(open.fd);
    this.#open = undefined;
    this.files.push({ path: open.path, rows: open.rows, size_bytes: open.size, sha256: open.hash.digest("hex") });
  }
}
