/** Deflates in independent pieces, which can be made one by one, stored or copied, and still form one stream. */
import { constants, deflateRawSync } from "node:zlib";
import type { BytePath } from "./entry.ts";
import { basename } from "./path.ts";
import type { ArchiveOutput } from "./output.ts";
import { work } from "./counters.ts";

/** Types whose content is compressed already. PDF is not among them: its text and tables often are not. */
const COMPRESSED = new Set(
  (
    "mp3 m4a m4b ogg oga opus flac aac wma mka png jpg jpeg jpe gif webp avif heic jxl mp4 m4v webm mov mkv avi mpg mpeg ogv wmv flv " +
    "zip gz tgz bz2 tbz xz txz zst 7z rar lz4 br woff woff2 docx xlsx pptx odt ods odp epub jar whl apk svgz"
  ).split(" "),
);

/** Counts the bytes that deflate was tried on in this thread since it began, and those that it saved. */
const deflation = { bytes: 0, saved: 0 };

/** Measures what deflate saves of one archive: a thread builds one at a time. */
export class DeflationMeter {
  readonly #before = { ...deflation };

  /** Returns the figures since the meter was made, without `framing` bytes that shrink to nothing: headers of a tar. */
  read(framing: number): { bytes: number; saved_bytes: number } {
    const { bytes, saved } = this.#before;
    return {
      bytes: Math.max(0, deflation.bytes - bytes - framing),
      saved_bytes: Math.max(0, deflation.saved - saved - framing),
    };
  }
}

/** Checks by its name whether a file is compressed already. */
export function isCompressed(name: BytePath): boolean {
  const base = basename(name);
  const dot = base.lastIndexOf(".");
  return dot > 0 && COMPRESSED.has(base.slice(dot + 1).toLowerCase());
}

/** A whole raw deflate stream, or null when that is not shorter than the data. */
export function deflateWhole(data: Uint8Array, level: number): Buffer | null {
  if (level === 0 || data.length === 0) return null;
  const deflated = deflateRawSync(data, settings(data.length, level));
  count(data, deflated);
  return deflated.length < data.length ? deflated : null;
}

function count(data: Uint8Array, deflated: Buffer): void {
  work.bytes_deflated += data.length;
  deflation.bytes += data.length;
  deflation.saved += Math.max(0, data.length - deflated.length);
}

/** Ends a stream of pieces: an empty block with the final bit (RFC 1951, 3.2.3). */
export const FINAL_BLOCK = Buffer.from([0x03, 0x00]);

/**
 * Writes one piece of a raw deflate stream: compressed, ended on a byte with an empty window, or as stored blocks where
 * `compressible` is false or it would not shrink.
 */
export function writePiece(
  sink: ArchiveOutput,
  data: Uint8Array,
  options: { level: number; compressible: boolean },
): void {
  if (options.compressible && options.level > 0) {
    const finishFlush = constants.Z_FULL_FLUSH;
    const deflated = deflateRawSync(data, { ...settings(data.length, options.level), finishFlush });
    count(data, deflated);
    if (deflated.length < data.length) {
      sink.write(deflated);
      return;
    }
  }
  writeStored(sink, data);
}

/** The most that `size` bytes can take when written in pieces of 64 kB or more. */
export function worstCase(size: number): number {
  return size + Math.ceil(size / 32_768) * STORED_HEADER + 1024;
}

const MAX_STORED = 0xffff;
const STORED_HEADER = 5;

/** Stored blocks (RFC 1951, 3.2.4). */
function writeStored(sink: ArchiveOutput, data: Uint8Array): void {
  const header = Buffer.alloc(STORED_HEADER);
  for (let start = 0; start < data.length; start += MAX_STORED) {
    const block = data.subarray(start, start + MAX_STORED);
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(block.length ^ 0xffff, 3);
    sink.write(header);
    sink.write(block);
  }
}

/** A new deflater's tables cost more than a short text does; small ones are set up in half the time. */
function settings(size: number, level: number) {
  return size <= 2048 ? { level, windowBits: 12, memLevel: 5, chunkSize: 3072 } : { level };
}
