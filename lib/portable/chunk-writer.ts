/** Writes the rows of one table as files of lines, compressed, each with its digest. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ExportedFile, ExportedTable } from "./format.ts";

const MOST_ROWS = 250_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** Text that is compressed at once: a gzip member of its own. */
const PIECE = 512 * 1024;
const LEVEL = 1;
const compress = promisify(gzip);

interface Open {
  readonly path: string;
  readonly fd: number;
  /** Of the file. */
  readonly hash: Hash;
  /** Of its lines up to the trailer. */
  readonly lines: Hash;
  rows: number;
  text: number;
  size: number;
}

export class ChunkWriter {
  readonly files: ExportedFile[] = [];
  readonly #root: string;
  readonly #directory: string;
  readonly #header: string;
  #open: Open | undefined;
  #pending: string[] = [];
  #pendingSize = 0;

  /** `directory` is relative to the export's `root`. */
  constructor(root: string, directory: string, header: ExportedTable) {
    this.#root = root;
    this.#directory = directory;
    this.#header = `${JSON.stringify(header)}\n`;
  }

  /** Lines without their end. */
  async write(rows: readonly string[]): Promise<void> {
    for (const row of rows) {
      const open = this.#open ?? this.#begin();
      open.rows++;
      open.text += row.length;
      this.#pending.push(row);
      this.#pendingSize += row.length + 1;
      if (this.#pendingSize >= PIECE) await this.#flush(open);
      if (open.rows >= MOST_ROWS || open.text >= MOST_BYTES) await this.#end(open);
    }
  }

  /** A table without rows has a file too: its header says what it would hold. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#end(this.#open);
    else if (this.files.length === 0) await this.#end(this.#begin());
  }

  /** Closes what a failure has left open. */
  abandon(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #begin(): Open {
    const file = `${this.#directory}/${String(this.files.length + 1).padStart(5, "0")}.ndjson.gz`;
    const absolute = path.join(this.#root, file);
    mkdirSync(path.dirname(absolute), { recursive: true });
    const fd = openSync(absolute, "wx", 0o640);
    this.#open = { path: file, fd, hash: createHash("sha256"), lines: createHash("sha256"), rows: 0, text: 0, size: 0 };
    this.#pending = [this.#header.slice(0, -1)];
    this.#pendingSize = this.#header.length;
    return this.#open;
  }

  async #flush(open: Open): Promise<void> {
    if (this.#pending.length === 0) return;
    const lines = `${this.#pending.join("\n")}\n`;
    this.#pending = [];
    this.#pendingSize = 0;
    open.lines.update(lines);
    await this.#put(open, lines);
  }

  async #put(open: Open, lines: string): Promise<void> {
    const data = await compress(lines, { level: LEVEL });
    open.hash.update(data);
    for (let done = 0; done < data.length;) done += writeSync(open.fd, data, done);
    open.size += data.length;
  }

  async #end(open: Open): Promise<void> {
    await this.#flush(open);
    await this.#put(open, `${JSON.stringify({ rows: open.rows, sha256: open.lines.digest("hex") })}\n`);
    fsyncSync(open.fd);
    closeSync(open.fd);
    this.#open = undefined;
    this.files.push({ path: open.path, rows: open.rows, size_bytes: open.size, sha256: open.hash.digest("hex") });
  }
}
