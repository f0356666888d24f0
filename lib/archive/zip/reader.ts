/** Reads zip archives and verifies that every entry matches the directory and that nothing else is in the file. */
import { setImmediate } from "node:timers/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { HoldfastError } from "../../errors.ts";
import { failArchive, isZlibError, withArchivePath } from "../errors.ts";
import { consume } from "../files/consume-stream.ts";
import { BufferedFile } from "../files/buffered-file.ts";
import { display } from "../path.ts";
import { streamRegular } from "../files/regular-file.ts";
import { parseDirectory, readExtra, readUInt64, type ZipEntry } from "./directory.ts";
import { DESCRIPTOR_SIGNATURE, FLAG_DESCRIPTOR, LOCAL_SIGNATURE, STORED } from "./format.ts";

/** Entries up to this size, packed and unpacked, are read whole. */
const SMALL = 4 * 1024 * 1024;
const CHUNK = 256 * 1024;
/** Zlib refuses smaller ones. */
const LEAST_CHUNK = 64;

/**
 * Unpacks every entry and checks its CRC, size and local header. Accounts for every byte of the file. Throws
 * `E_ARCHIVE` that names the file and the fault. `bytes` counts the unpacked content.
 */
export async function verifyZip(path: string, signal?: AbortSignal): Promise<{ entries: number; bytes: number }> {
  const window = new BufferedFile(path);
  try {
    const { entries, offset } = parseDirectory(window);
    let position = 0;
    let bytes = 0;
    let unyielded = 0;
    for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
      const local = checkLocal(window, entry, position);
      await checkData(path, window, entry, local.dataStart, signal);
      position = checkDescriptor(window, entry, local.dataStart + entry.compressedSize, local.zip64);
      if (entry.type === "file") bytes += entry.size;
      unyielded += entry.size + 1024;
      if (unyielded < SMALL) continue;
      unyielded = 0;
      await setImmediate();
      signal?.throwIfAborted();
    }
    if (position !== offset) failArchive(`${offset - position} stray bytes before the directory`);
    return { entries: entries.length, bytes };
  } catch (error) {
    throw withArchivePath(path, error);
  } finally {
    window.close();
  }
}

/**
 * Passes the content of an entry to `take`, piece by piece, and checks its local header, size and CRC. A piece is valid
 * until `take` returns. Throws `E_ARCHIVE`.
 */
export async function readEntry(
  path: string,
  window: BufferedFile,
  entry: ZipEntry,
  take: (data: Buffer) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { dataStart } = checkLocal(window, entry, entry.offset);
  await checkData(path, window, entry, dataStart, signal, take);
}

/** APPNOTE 4.3.7: the local header must say what the directory says. */
function checkLocal(window: BufferedFile, entry: ZipEntry, position: number): { dataStart: number; zip64: boolean } {
  const name = display(entry.name);
  if (entry.offset !== position) failArchive(`${entry.offset - position} stray bytes before ${name}`);
  const fixed = window.slice(position, position + 30);
  if (fixed.readUInt32LE(0) !== LOCAL_SIGNATURE) failArchive(`the local header of ${name} is damaged`);
  const nameSize = fixed.readUInt16LE(26);
  const dataStart = position + 30 + nameSize + fixed.readUInt16LE(28);
  const header = window.slice(position, dataStart);
  const extra = readExtra(header.subarray(30 + nameSize));
  const { size, compressedSize } = extra.zip64(["size", "compressedSize"], {
    size: header.readUInt32LE(22),
    compressedSize: header.readUInt32LE(18),
  });
  const crc = header.readUInt32LE(14);
  const streamed = (entry.flags & FLAG_DESCRIPTOR) !== 0;
  const same =
    header.toString("latin1", 30, 30 + nameSize) === entry.name &&
    header.readUInt16LE(6) === entry.flags &&
    header.readUInt16LE(8) === entry.method &&
    header.readUInt32LE(10) === entry.dosTime &&
    (streamed || (crc === entry.crc && size === entry.size && compressedSize === entry.compressedSize));
  if (!same) failArchive(`the local header of ${name} differs from the directory`);
  return { dataStart, zip64: extra.hasZip64 };
}

/** APPNOTE 4.3.9: with or without a signature. Returns where it ends. */
function checkDescriptor(window: BufferedFile, entry: ZipEntry, at: number, zip64: boolean): number {
  if ((entry.flags & FLAG_DESCRIPTOR) === 0) return at;
  const sizes = zip64 ? 16 : 8;
  const signed = window.slice(at, at + 4).readUInt32LE(0) === DESCRIPTOR_SIGNATURE;
  const start = signed ? at + 4 : at;
  const end = start + 4 + sizes;
  const descriptor = window.slice(start, end);
  const [compressedSize, size] = zip64
    ? [readUInt64(descriptor, 4), readUInt64(descriptor, 12)]
    : [descriptor.readUInt32LE(4), descriptor.readUInt32LE(8)];
  if (descriptor.readUInt32LE(0) !== entry.crc || compressedSize !== entry.compressedSize || size !== entry.size) {
    failArchive(`the data descriptor of ${display(entry.name)} differs from the directory`);
  }
  return end;
}

async function checkData(
  path: string,
  window: BufferedFile,
  entry: ZipEntry,
  start: number,
  signal?: AbortSignal,
  onData?: (data: Buffer) => void,
): Promise<void> {
  const name = display(entry.name);
  if (start + entry.compressedSize > window.size) failArchive(`${name} goes beyond the end of the file`);
  let crc = 0;
  let size = 0;
  const take = (data: Buffer): void => {
    size += data.length;
    if (size > entry.size) failArchive(`${name} holds more than the ${entry.size} bytes that the directory says`);
    crc = crc32(data, crc);
    onData?.(data);
  };
  try {
    if (entry.method === STORED) await copy(window, entry, start, take, signal);
    else if (entry.compressedSize <= SMALL && entry.size <= SMALL) take(unpack(window, entry, start));
    else await stream(path, entry, start, take, signal);
  } catch (error) {
    if (isZlibError(error)) failArchive(`${name} cannot be unpacked: ${error.message}`);
    throw error;
  }
  if (size !== entry.size) failArchive(`${name} holds ${size} bytes, not the ${entry.size} that the directory says`);
  if (crc !== entry.crc) failArchive(`the content of ${name} is damaged: its CRC is wrong`);
}

/** Through the window that the headers are read through: each byte of the file is read once. */
async function copy(
  window: BufferedFile,
  entry: ZipEntry,
  start: number,
  take: (data: Buffer) => void,
  signal?: AbortSignal,
): Promise<void> {
  const end = start + entry.compressedSize;
  for (let at = start, unyielded = 0; at < end; at += CHUNK) {
    const data = window.slice(at, Math.min(at + CHUNK, end));
    take(data);
    unyielded += data.length;
    if (unyielded < SMALL) continue;
    unyielded = 0;
    await setImmediate();
    signal?.throwIfAborted();
  }
}

function unpack(window: BufferedFile, entry: ZipEntry, start: number): Buffer {
  const packed = window.slice(start, start + entry.compressedSize);
  const most = entry.size + 1;
  // With `info`, the engine tells how much it took; the types do not know of it. All of it fits into one chunk: of many
  // small ones a copy would be made.
  const unpacked: unknown = inflateRawSync(packed, {
    info: true,
    maxOutputLength: most,
    chunkSize: Math.max(most, LEAST_CHUNK),
  });
  if (!isInfo(unpacked)) throw new HoldfastError("E_INTERNAL", "zlib gave no info");
  if (unpacked.engine.bytesWritten !== packed.length)
    failArchive(`stray bytes after the content of ${display(entry.name)}`);
  return unpacked.buffer;
}

async function stream(
  path: string,
  entry: ZipEntry,
  start: number,
  take: (data: Buffer) => void,
  signal?: AbortSignal,
): Promise<void> {
  const end = start + entry.compressedSize - 1;
  const input = streamRegular(path, "E_ARCHIVE", { start, end, highWaterMark: CHUNK });
  const inflate = createInflateRaw({ chunkSize: CHUNK });
  await consume(input, inflate, take, signal);
  if (inflate.bytesWritten !== entry.compressedSize) {
    failArchive(`stray bytes after the content of ${display(entry.name)}`);
  }
}

function isInfo(value: unknown): value is { buffer: Buffer; engine: { bytesWritten: number } } {
  return typeof value === "object" && value !== null && "buffer" in value && "engine" in value;
}
