/** A zip of which only parts are here: a sparse file of its size, with its directory, and entries as they are wanted. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";
import type { BytePath } from "../../archive/entry.ts";
import { consume } from "../../archive/files/consume-stream.ts";
import { readZipDirectory, type ZipEntry } from "../../archive/zip/directory.ts";
import { HoldfastError } from "../../errors.ts";
import type { ByteRange } from "../../targets/core/target.ts";

/** The end of a zip that is read first; more of it when the directory begins before that. */
const TAIL = 256 * 1024;
const MORE = 8;

type ReadRange = (range: ByteRange) => Promise<Readable>;

export class PartialZip {
  readonly #file: string;
  readonly #size: number;
  readonly #read: ReadRange;
  readonly #signal: AbortSignal;
  /** The offset from which on everything is here. */
  #from: number;

  private constructor(file: string, size: number, read: ReadRange, signal: AbortSignal) {
    this.#file = file;
    this.#size = size;
    this.#read = read;
    this.#signal = signal;
    this.#from = size;
  }

  /** Creates the file with the directory of a zip of `size` bytes. Throws `E_ARCHIVE` for what is no zip. */
  static async open(file: string, size: number, read: ReadRange, signal: AbortSignal): Promise<PartialZip> {
    const zip = new PartialZip(file, size, read, signal);
    const fd = openSync(file, "wx", 0o600);
    ftruncateSync(fd, size);
    closeSync(fd);
    for (let tail = TAIL; ; tail *= MORE) {
      const from = Math.max(0, size - tail);
      await zip.#fetch({ start: from, end: zip.#from - 1 });
      zip.#from = from;
      try {
        readZipDirectory(file);
        return zip;
      } catch (error) {
        // What is not here yet reads as zeros.
        if (from === 0 || !(error instanceof HoldfastError) || error.code !== "E_ARCHIVE") throw error;
      }
    }
  }

  /** Fetches these entries, and all below them. */
  async fetch(wanted: readonly BytePath[]): Promise<void> {
    const entries = readZipDirectory(this.#file).toSorted((a, b) => a.offset - b.offset);
    const isWanted = ({ name }: ZipEntry): boolean => {
      const path = name.replace(/\/$/, "");
      return wanted.some((one) => one === "" || path === one || path.startsWith(`${one}/`));
    };
    for (const [index, entry] of entries.entries()) {
      // Headers, content and descriptor end at the latest where the next entry begins.
      const end = Math.min(entries[index + 1]?.offset ?? this.#from, this.#from);
      if (isWanted(entry) && entry.offset < end) await this.#fetch({ start: entry.offset, end: end - 1 });
    }
  }

  async #fetch(range: ByteRange): Promise<void> {
    if (this.#size === 0 || range.end < range.start) return;
    const fd = openSync(this.#file, "r+");
    try {
      let at = range.start;
      const take = (chunk: Buffer): void => {
        if (at + chunk.length > range.end + 1) throw tooMuch(this.#file);
        for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done, chunk.length - done, at + done);
        at += chunk.length;
      };
      await consume(await this.#read(range), null, take, this.#signal);
      if (at !== range.end + 1) throw tooMuch(this.#file);
    } finally {
      closeSync(fd);
    }
  }
}

const tooMuch = (file: string): HoldfastError =>
  new HoldfastError("E_REMOTE", `the target sent another part of ${file} than was asked for`);
