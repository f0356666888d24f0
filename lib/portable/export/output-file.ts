/** Destinations for the files of an export, written one after the other: a directory, or one ZIP. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import type { EntryAttributes } from "../../archive/entry.ts";
import { fromString } from "../../archive/path.ts";
import type { ZipStream, ZipWriter } from "../../archive/zip/writer.ts";

export interface WrittenFile {
  readonly size_bytes: number;
  readonly sha256: string;
}

export interface Output {
  /** Starts a file. `file` is a relative path, with slashes. */
  begin(file: string): void;
  write(text: string): void;
  end(): WrittenFile;
}

/** The size of text that is encoded and written at once. */
const PIECE = 512 * 1024;

/** Writes files with mode 0640, regardless of the umask, and syncs each at its end. */
export class DirectoryOutput implements Output {
  readonly #root: string;
  #open: { readonly fd: number; readonly hash: Hash; size: number } | undefined;
  #pending = "";

  constructor(root: string) {
    this.#root = root;
  }

  begin(file: string): void {
    const absolute = path.join(this.#root, file);
    mkdirSync(path.dirname(absolute), { recursive: true, mode: 0o750 });
    const fd = openSync(absolute, "wx", 0o640);
    this.#open = { fd, hash: createHash("sha256"), size: 0 };
    fchmodSync(fd, 0o640);
  }

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= PIECE) this.#flush();
  }

  end(): WrittenFile {
    this.#flush();
    const open = this.#open;
    if (open === undefined) throw new RangeError("no file has begun");
    fsyncSync(open.fd);
    this.abandon();
    return { size_bytes: open.size, sha256: open.hash.digest("hex") };
  }

  /** Closes the file that a failure left open. */
  abandon(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #flush(): void {
    const open = this.#open;
    if (open === undefined) throw new RangeError("no file has begun");
    const data = Buffer.from(this.#pending);
    this.#pending = "";
    open.hash.update(data);
    for (let done = 0; done < data.length;) done += writeSync(open.fd, data, done);
    open.size += data.length;
  }
}

/** Writes entries of a ZIP: short ones with their sizes in front, long ones as a stream. */
export class ZipOutput implements Output {
  readonly #zip: ZipWriter;
  readonly #attributes: EntryAttributes;
  #name = "";
  #pending = "";
  #stream: ZipStream | undefined;

  constructor(zip: ZipWriter, attributes: EntryAttributes) {
    this.#zip = zip;
    this.#attributes = attributes;
  }

  begin(file: string): void {
    this.#name = fromString(file);
  }

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length < PIECE) return;
    this.#stream ??= this.#zip.addStream(this.#name, this.#attributes);
    this.#stream.write(Buffer.from(this.#pending));
    this.#pending = "";
  }

  end(): WrittenFile {
    const rest = Buffer.from(this.#pending);
    this.#pending = "";
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined && rest.length > 0) stream.write(rest);
    const { size, sha256 } = stream?.end() ?? this.#zip.addBytes(this.#name, rest, this.#attributes);
    return { size_bytes: size, sha256 };
  }
}
