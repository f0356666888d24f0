/** Writes zip archives that every reader takes, the same bytes for the same calls. Records: format.ts. */
import { createHash, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { HoldfastError } from "../../errors.ts";
import { deflateWhole, FINAL_BLOCK, isCompressed, worstCase, writePiece } from "../compress.ts";
import type { ArchiveWriter, BytePath, EntryAttributes, StoredFile } from "../entry.ts";
import { MOST_ENTRIES } from "../limits.ts";
import { display, toBuffer } from "../path.ts";
import { readStable, type ReadHooks } from "../tree/read-stable.ts";
import type { ArchiveOutput, SinkMark } from "../output.ts";
import {
  centralHeader,
  dataDescriptor,
  DEFLATED,
  endRecords,
  localHeader,
  STORED,
  ZIP64_LIMITS,
  type Zip64Limits,
  type ZipRecord,
} from "./format.ts";

export interface ZipOptions {
  /** Level of deflate, 0 to 9; 0 compresses nothing. */
  readonly level: number;
  readonly hooks?: ReadHooks;
  /** Limit of the number of entries, lower in tests. */
  readonly mostEntries?: number;
  /** Limits of the old fields, lower in tests. */
  readonly zip64?: Zip64Limits;
}

/** Content on its way into an archive, in pieces of any length; long ones shrink better. */
export interface ZipStream {
  write(data: Buffer): void;
  end(): StoredFile;
}

type Head = Pick<ZipRecord, "name" | "type" | "attributes">;

/** Writes small content after its sizes and CRC, and streams large files with a data descriptor. */
export class ZipWriter implements ArchiveWriter {
  readonly #sink: ArchiveOutput;
  readonly #options: ZipOptions;
  readonly #limits: Zip64Limits;
  readonly #names = new Set<BytePath>();
  readonly #central: Buffer[] = [];
  /** Central headers not yet put together: one long buffer takes less than many short ones. */
  #recent: Buffer[] = [];
  #recentBytes = 0;

  constructor(sink: ArchiveOutput, options: ZipOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#limits = options.zip64 ?? ZIP64_LIMITS;
  }

  /** Written so far. */
  get entries(): number {
    return this.#names.size;
  }

  addDirectory(name: BytePath, attributes: EntryAttributes): void {
    this.#addWhole({ name: `${name}/`, type: "directory", attributes }, EMPTY);
  }

  /** Adds a symlink as Info-ZIP does: the target is the content. */
  addSymlink(name: BytePath, target: BytePath, attributes: EntryAttributes): void {
    this.#addWhole({ name, type: "symlink", attributes }, toBuffer(target));
  }

  addBytes(name: BytePath, data: Uint8Array, attributes: EntryAttributes): StoredFile {
    this.#addWhole({ name, type: "file", attributes }, data);
    return { size: data.length, sha256: hash("sha256", data, "hex"), changed: false };
  }

  addFile(name: BytePath, location: BytePath, attributes: EntryAttributes, file: BytePath = location): StoredFile {
    const head: Head = { name, type: "file", attributes };
    this.#check(name);
    let stored = { size: 0, sha256: "" };
    let streaming: StreamedEntry | null = null;
    try {
      const changed = readStable(
        location,
        {
          whole: (data) => {
            streaming?.forget();
            streaming = null;
            this.#addWhole(head, data);
            stored = { size: data.length, sha256: hash("sha256", data, "hex") };
          },
          begin: (size) => {
            streaming ??= new StreamedEntry(this.#sink, this.#options, head);
            streaming.begin(worstCase(size) >= this.#limits.bytes);
          },
          piece: (data) => streaming?.piece(data),
        },
        this.#options.hooks,
        file,
      );
      const streamed = streaming as StreamedEntry | null;
      if (streamed !== null) {
        const { record, sha256 } = streamed.end();
        this.#record(record);
        stored = { size: record.size, sha256 };
      }
      return { ...stored, changed };
    } catch (error) {
      (streaming as StreamedEntry | null)?.forget();
      throw error;
    }
  }

  /** Begins an entry of unknown length, in zip64. Nothing else may be added until it has ended. */
  addStream(name: BytePath, attributes: EntryAttributes): ZipStream {
    this.#check(name);
    const entry = new StreamedEntry(this.#sink, this.#options, { name, type: "file", attributes });
    entry.begin(true);
    return {
      write: (data) => entry.piece(data),
      end: () => {
        const { record, sha256 } = entry.end();
        this.#record(record);
        return { size: record.size, sha256, changed: false };
      },
    };
  }

  close(): number {
    const offset = this.#sink.bytes;
    for (const part of [...this.#central, ...this.#recent]) this.#sink.write(part);
    this.#sink.write(endRecords(this.entries, this.#sink.bytes - offset, offset, this.#limits));
    return this.entries;
  }

  #addWhole(head: Head, data: Uint8Array): void {
    this.#check(head.name);
    const deflated = head.type === "file" && !isCompressed(head.name) ? deflateWhole(data, this.#options.level) : null;
    const content = deflated ?? data;
    const record: ZipRecord = {
      ...head,
      method: deflated === null ? STORED : DEFLATED,
      streamed: false,
      zip64: data.length >= this.#limits.bytes || content.length >= this.#limits.bytes,
      crc: crc32(data),
      compressedSize: content.length,
      size: data.length,
      offset: this.#sink.bytes,
    };
    this.#sink.write(localHeader(record));
    this.#sink.write(content);
    this.#record(record);
  }

  #record(record: ZipRecord): void {
    this.#names.add(record.name);
    const header = centralHeader(record, this.#limits);
    this.#recent.push(header);
    this.#recentBytes += header.length;
    if (this.#recentBytes < CENTRAL_CHUNK) return;
    this.#central.push(Buffer.concat(this.#recent));
    this.#recent = [];
    this.#recentBytes = 0;
  }

  #check(name: BytePath): void {
    if (this.#names.has(name)) throw new HoldfastError("E_INTERNAL", `${display(name)} would be in the archive twice`);
    const most = this.#options.mostEntries ?? MOST_ENTRIES;
    if (this.#names.size >= most)
      throw new HoldfastError("E_IO", `it has more than ${most} entries, the most that is read of a zip`, {
        hint: "divide it, or name it in trees of the config: those become tgz",
      });
  }
}

const EMPTY = Buffer.alloc(0);
const CENTRAL_CHUNK = 64 * 1024;

/** A large file on its way into the archive: one deflate stream, of stored blocks if the file is compressed already. */
class StreamedEntry {
  readonly #sink: ArchiveOutput;
  readonly #head: Head;
  readonly #mark: SinkMark;
  readonly #piece: { level: number; compressible: boolean };
  #zip64 = false;
  #dataStart = 0;
  #size = 0;
  #crc = 0;
  #hash = createHash("sha256");

  constructor(sink: ArchiveOutput, options: ZipOptions, head: Head) {
    this.#sink = sink;
    this.#head = head;
    this.#mark = sink.mark();
    this.#piece = { level: options.level, compressible: !isCompressed(head.name) };
  }

  begin(zip64: boolean): void {
    this.forget();
    this.#zip64 = zip64;
    this.#size = 0;
    this.#crc = 0;
    this.#hash = createHash("sha256");
    this.#sink.write(localHeader(this.#record()));
    this.#dataStart = this.#sink.bytes;
  }

  piece(data: Buffer): void {
    writePiece(this.#sink, data, this.#piece);
    this.#size += data.length;
    this.#crc = crc32(data, this.#crc);
    this.#hash.update(data);
  }

  end(): { record: ZipRecord; sha256: string } {
    this.#sink.write(FINAL_BLOCK);
    const record = this.#record();
    this.#sink.write(dataDescriptor(record));
    this.#sink.settle();
    return { record, sha256: this.#hash.digest("hex") };
  }

  /** Removes all that was written. */
  forget(): void {
    if (this.#sink.bytes !== this.#mark.bytes) this.#sink.rewind(this.#mark);
  }

  #record(): ZipRecord {
    return {
      ...this.#head,
      method: DEFLATED,
      streamed: true,
      zip64: this.#zip64,
      crc: this.#crc,
      compressedSize: this.#sink.bytes - this.#dataStart,
      size: this.#size,
      offset: this.#mark.bytes,
    };
  }
}
