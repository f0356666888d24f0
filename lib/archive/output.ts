/** Writes an archive to a new file, hashes it, and can roll back to an earlier length. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fchmodSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { asHoldfastError, type HoldfastError } from "../errors.ts";
import { work } from "./counters.ts";

const BUFFER_SIZE = 1024 * 1024;
const FILE_MODE = 0o640;

/** A place in the output to which `rewind` can go back, as often as needed. */
export interface SinkMark {
  readonly bytes: number;
  readonly hash: Hash;
}

/** A finished output: the file as it is stored, and its content where that is sealed. */
export interface Written {
  readonly size: number;
  readonly sha256: string;
  readonly plain?: { readonly size: number; readonly sha256: string };
}

/** The file that an archive becomes. */
export interface ArchiveOutput {
  readonly path: string;
  /** Bytes of content written so far. */
  readonly bytes: number;
  /** Takes a copy of what is short; `data` may be used again afterwards. */
  write(data: Uint8Array): void;
  /** Returns the place to which `rewind` can go back until `settle` or another mark. */
  mark(): SinkMark;
  /** Removes all that was written after the mark. Throws `Unrewindable` where that is no longer possible. */
  rewind(mark: SinkMark): void;
  /** Gives the last mark up. */
  settle(): void;
  /** Writes what is left and closes the file; an fsync is the caller's to do. */
  finish(): Written | Promise<Written>;
  /** Closes and removes the file. May be called at any time, after `finish` too. */
  discard(): void;
}

/** Thrown by `rewind` when what follows the mark has left for good. */
export class Unrewindable extends Error {}

/** Thrown by `write` when what takes the bytes has ended; `reason` says why as soon as that is known. */
export class BrokenOutput extends Error {
  readonly reason: Promise<HoldfastError>;

  constructor(path: string, reason: Promise<HoldfastError>) {
    super(`${path} cannot be written`);
    this.reason = reason;
  }
}

/** A file as it is. Errors of the disk are HoldfastErrors: `E_NO_SPACE`, `E_UNREADABLE` (no right to write) or `E_IO`. */
export class ArchiveSink implements ArchiveOutput {
  readonly path: string;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE);
  #fd: number | null;
  #buffered = 0;
  #flushed = 0;
  #hash = createHash("sha256");

  /** Creates the file, which must not exist. */
  constructor(path: string) {
    this.path = path;
    this.#fd = createOutput(path);
  }

  get bytes(): number {
    return this.#flushed + this.#buffered;
  }

  write(data: Uint8Array): void {
    if (data.length > BUFFER_SIZE - this.#buffered) this.#flush();
    if (data.length >= BUFFER_SIZE) {
      this.#writeOut(data);
    } else {
      this.#buffer.set(data, this.#buffered);
      this.#buffered += data.length;
    }
  }

  mark(): SinkMark {
    this.#flush();
    return { bytes: this.#flushed, hash: this.#hash.copy() };
  }

  rewind(mark: SinkMark): void {
    const fd = this.#open();
    this.#buffered = 0;
    guarded(() => ftruncateSync(fd, mark.bytes));
    this.#flushed = mark.bytes;
    this.#hash = mark.hash.copy();
  }

  settle(): void {}

  finish(): { size: number; sha256: string } {
    this.#flush();
    this.#close();
    return { size: this.#flushed, sha256: this.#hash.digest("hex") };
  }

  discard(): void {
    this.#close();
    rmSync(this.path, { force: true });
  }

  #flush(): void {
    if (this.#buffered === 0) return;
    const data = this.#buffer.subarray(0, this.#buffered);
    this.#buffered = 0;
    this.#writeOut(data);
  }

  #writeOut(data: Uint8Array): void {
    const fd = this.#open();
    for (let done = 0; done < data.length;) {
      done += guarded(() => writeSync(fd, data, done, data.length - done, this.#flushed + done));
    }
    this.#flushed += data.length;
    this.#hash.update(data);
    work.bytes_hashed += data.length;
  }

  #open(): number {
    if (this.#fd === null) throw new Error(`${this.path} is closed`);
    return this.#fd;
  }

  #close(): void {
    if (this.#fd !== null) guarded(closeSync.bind(null, this.#fd));
    this.#fd = null;
  }
}

/** Creates a file of mode 0640, whatever the umask, and returns its descriptor. */
export function createOutput(path: string): number {
  const fd = guarded(() => openSync(path, "wx", FILE_MODE));
  fchmodSync(fd, FILE_MODE);
  return fd;
}

/** Does something to an output; its errors become HoldfastErrors. */
export function guarded<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asHoldfastError(error, "E_IO");
  }
}
