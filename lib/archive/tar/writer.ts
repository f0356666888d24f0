/** Writes gzipped tar archives that every reader takes, the same bytes for the same calls. Headers: format.ts. */
import { createHash, hash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { isCompressed } from "../compress.ts";
import type { ArchiveWriter, BytePath, EntryAttributes, Owners, StoredFile } from "../entry.ts";
import { GzipStream, type GzipMark } from "./gzip.ts";
import { display } from "../path.ts";
import { readStable, type ReadHooks } from "../tree/read-stable.ts";
import type { ArchiveOutput } from "../output.ts";
import { BLOCK, paddingOf, TAR_LIMITS, tarHeaders, type TarLimits, type TarRecord } from "./format.ts";

export interface TgzOptions {
  /** Level of deflate, 0 to 9; 0 compresses nothing. */
  readonly level: number;
  readonly owners?: Owners;
  readonly hooks?: ReadHooks;
  /** Limits of ustar fields, lower in tests. */
  readonly limits?: TarLimits;
}

export class TgzWriter implements ArchiveWriter {
  readonly #sink: ArchiveOutput;
  readonly #gzip: GzipStream;
  readonly #options: TgzOptions;
  readonly #names = new Set<BytePath>();
  #framing = 0;

  constructor(sink: ArchiveOutput, options: TgzOptions) {
    this.#sink = sink;
    this.#gzip = new GzipStream(sink, options.level);
    this.#options = options;
  }

  /** Written so far. */
  get entries(): number {
    return this.#names.size;
  }

  /** Bytes of headers and padding so far: they are deflated with the content. */
  get framing(): number {
    return this.#framing;
  }

  addDirectory(name: BytePath, attributes: EntryAttributes): void {
    this.#add({ name: `${name}/`, type: "directory", attributes });
  }

  addSymlink(name: BytePath, target: BytePath, attributes: EntryAttributes): void {
    this.#add({ name, type: "symlink", attributes, linkname: target });
  }

  /** A further name of a file that is in the archive already, as `target`. */
  addHardlink(name: BytePath, target: BytePath, attributes: EntryAttributes): void {
    this.#add({ name, type: "hardlink", attributes, linkname: target });
  }

  addBytes(name: BytePath, data: Uint8Array, attributes: EntryAttributes): StoredFile {
    this.#add({ name, type: "file", attributes, size: data.length });
    this.#gzip.write(data, !isCompressed(name));
    this.#pad(paddingOf(data.length));
    return { size: data.length, sha256: hash("sha256", data, "hex"), changed: false };
  }

  /** Adds a file. One that shrinks on every reading is filled with zeros to its first size, and is `changed`. */
  addFile(name: BytePath, location: BytePath, attributes: EntryAttributes, file: BytePath = location): StoredFile {
    this.#check(name);
    let stored = { size: 0, sha256: "" };
    let streaming: StreamedFile | null = null;
    const forget = (): void => {
      if (streaming !== null) this.#gzip.rewind(streaming.mark);
    };
    try {
      const changed = readStable(
        location,
        {
          whole: (data) => {
            forget();
            streaming = null;
            stored = this.addBytes(name, data, attributes);
          },
          begin: (size) => {
            forget();
            streaming = { mark: streaming?.mark ?? this.#gzip.mark(), size, left: size, hash: createHash("sha256") };
            this.#gzip.write(this.#headers({ name, type: "file", attributes, size }), true);
          },
          piece: (data) => this.#addPiece(streaming, data, !isCompressed(name)),
        },
        this.#options.hooks,
        file,
      );
      const streamed = streaming as StreamedFile | null;
      if (streamed !== null) {
        while (streamed.left > 0) this.#addPiece(streamed, ZEROS.subarray(0, streamed.left), true);
        this.#pad(paddingOf(streamed.size));
        this.#names.add(name);
        this.#gzip.settle();
        stored = { size: streamed.size, sha256: streamed.hash.digest("hex") };
      }
      return { ...stored, changed };
    } catch (error) {
      forget();
      throw error;
    }
  }

  /**
   * Ends the gzip member. What follows goes to a new one, so that the bytes between two calls can be copied into
   * another archive. Returns how long the archive is so far.
   */
  endMember(): number {
    this.#gzip.endMember();
    return this.#sink.bytes;
  }

  close(): number {
    this.#pad(2 * BLOCK);
    this.#gzip.endMember();
    return this.entries;
  }

  #add(record: NewRecord): void {
    this.#check(record.name);
    this.#gzip.write(this.#headers(record), true);
    this.#names.add(record.name);
  }

  #headers(record: NewRecord): Buffer {
    const { uid, gid } = record.attributes;
    const owners = this.#options.owners;
    const headers = tarHeaders(
      { size: 0, linkname: "", user: owners?.user(uid) ?? "", group: owners?.group(gid) ?? "", ...record },
      this.#options.limits ?? TAR_LIMITS,
    );
    this.#framing += headers.length;
    return headers;
  }

  #addPiece(file: StreamedFile | null, data: Buffer, compressible: boolean): void {
    if (file === null) return;
    this.#gzip.write(data, compressible);
    file.hash.update(data);
    file.left -= data.length;
  }

  #pad(size: number): void {
    this.#framing += size;
    this.#gzip.write(ZEROS.subarray(0, size), true);
  }

  #check(name: BytePath): void {
    if (this.#names.has(name)) throw new HoldfastError("E_INTERNAL", `${display(name)} would be in the archive twice`);
  }
}

type NewRecord = Pick<TarRecord, "name" | "type" | "attributes"> & Partial<Pick<TarRecord, "size" | "linkname">>;

/** A large file on its way into the archive. */
interface StreamedFile {
  readonly mark: GzipMark;
  readonly size: number;
  readonly hash: ReturnType<typeof createHash>;
  left: number;
}

const ZEROS = Buffer.alloc(64 * 1024);
