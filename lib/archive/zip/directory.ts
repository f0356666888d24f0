/** Reads the central directory of any zip archive, and believes none of it. Sections: APPNOTE 6.3.10. */
import { failArchive } from "../errors.ts";
import type { BytePath, EntryType } from "../entry.ts";
import { BufferedFile } from "../files/buffered-file.ts";
import { MOST_ENTRIES } from "../limits.ts";
import { display } from "../path.ts";
import {
  CENTRAL_SIGNATURE,
  DEFLATED,
  END64_SIGNATURE,
  END_SIGNATURE,
  EXTRA_NTFS,
  EXTRA_OWNER,
  EXTRA_TIME,
  EXTRA_ZIP64,
  FILE_TYPE_BITS,
  FLAG_ENCRYPTED,
  LOCATOR64_SIGNATURE,
  MAX16,
  MAX32,
  NTFS_EPOCH,
  STORED,
} from "./format.ts";

export interface ZipEntry {
  /** The name in the archive; directories end with a slash. */
  readonly name: BytePath;
  readonly type: Extract<EntryType, "file" | "directory" | "symlink">;
  /** Permission bits; null when the archive was not made on Unix. */
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly mtimeNs: bigint;
  readonly flags: number;
  readonly method: number;
  readonly dosTime: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of its local header. */
  readonly offset: number;
}

export interface ZipDirectory {
  /** The entries in the order of the directory. */
  readonly entries: ZipEntry[];
  /** Offset of the directory: all data must end before it. */
  readonly offset: number;
}

/**
 * The entries of a zip archive, zip64 or not. Throws `E_ARCHIVE`, naming what is wrong, for one that is damaged,
 * encrypted, in parts, or hostile: absolute names, `..`, two entries of one name, entries that overlap, devices, more
 * content than the data can hold.
 */
export function readZipDirectory(path: string): ZipEntry[] {
  const window = new BufferedFile(path);
  try {
    return parseDirectory(window).entries;
  } finally {
    window.close();
  }
}

export function parseDirectory(window: BufferedFile): ZipDirectory {
  const end = findEnd(window);
  const entries: ZipEntry[] = [];
  const names = new Set<BytePath>();
  let at = end.offset;
  for (let index = 0; index < end.entries; index++) {
    const { entry, next } = parseEntry(window, at, end.offset + end.size);
    const path = safePath(entry.name);
    if (names.has(path)) failArchive(`two entries are named ${display(path)}`);
    names.add(path);
    entries.push(entry);
    at = next;
  }
  if (at !== end.offset + end.size)
    failArchive(`${end.offset + end.size - at} stray bytes after the last entry of the directory`);
  checkOverlaps(entries, end.offset);
  return { entries, offset: end.offset };
}

interface End {
  readonly entries: number;
  readonly size: number;
  readonly offset: number;
}

/** 4.3.16: at the very end, but for its comment. */
function findEnd(window: BufferedFile): End {
  const start = Math.max(0, window.size - 22 - MAX16);
  const tail = window.slice(start, window.size);
  for (let i = tail.length - 22; i >= 0; i--) {
    if (tail.readUInt32LE(i) !== END_SIGNATURE || i + 22 + tail.readUInt16LE(i + 20) !== tail.length) continue;
    if (tail.readUInt16LE(i + 4) !== 0 || tail.readUInt16LE(i + 6) !== 0) failArchive("one of several parts");
    const entries = tail.readUInt16LE(i + 10);
    const size = tail.readUInt32LE(i + 12);
    const offset = tail.readUInt32LE(i + 16);
    if (tail.readUInt16LE(i + 8) !== entries) failArchive("one of several parts");
    // Info-ZIP writes the zip64 record also where all numbers would fit the old one.
    const wide = entries === MAX16 || size === MAX32 || offset === MAX32;
    if (wide || hasLocator64(window, start + i)) return findEnd64(window, start + i);
    return checkEnd({ entries, size, offset }, start + i);
  }
  return failArchive("truncated, or no zip archive: it has no end record");
}

function hasLocator64(window: BufferedFile, end: number): boolean {
  return end >= 76 && window.slice(end - 20, end).readUInt32LE(0) === LOCATOR64_SIGNATURE;
}

/** 4.3.14 and 4.3.15: directly before the end record. */
function findEnd64(window: BufferedFile, end: number): End {
  if (!hasLocator64(window, end)) failArchive("the zip64 end record is missing");
  const locator = end - 20;
  const start = readUInt64(window.slice(locator, end), 8);
  if (start > locator - 56) failArchive("the zip64 end record is out of place");
  const record = window.slice(start, start + 56);
  if (record.readUInt32LE(0) !== END64_SIGNATURE) failArchive("the zip64 end record is damaged");
  if (start + 12 + readUInt64(record, 4) !== locator) failArchive("stray bytes after the zip64 end record");
  if (readUInt64(record, 24) !== readUInt64(record, 32)) failArchive("one of several parts");
  return checkEnd(
    { entries: readUInt64(record, 32), size: readUInt64(record, 40), offset: readUInt64(record, 48) },
    start,
  );
}

function checkEnd(end: End, start: number): End {
  if (end.offset + end.size !== start) failArchive("the directory is not where the end record says");
  if (end.entries > MOST_ENTRIES)
    failArchive(`it has ${end.entries} entries; ${MOST_ENTRIES} is the most that is read`);
  if (end.entries * 46 > end.size) failArchive("the directory is too short for its entries");
  return end;
}

/** 4.3.12. */
function parseEntry(window: BufferedFile, at: number, end: number): { entry: ZipEntry; next: number } {
  if (at + 46 > end) failArchive("the directory ends within an entry");
  const fixed = window.slice(at, at + 46);
  if (fixed.readUInt32LE(0) !== CENTRAL_SIGNATURE) failArchive(`the directory is damaged at byte ${at}`);
  const nameSize = fixed.readUInt16LE(28);
  const extraSize = fixed.readUInt16LE(30);
  const next = at + 46 + nameSize + extraSize + fixed.readUInt16LE(32);
  if (next > end) failArchive("the directory ends within an entry");
  const header = window.slice(at, next);
  const name = header.toString("latin1", 46, 46 + nameSize);
  const extra = readExtra(header.subarray(46 + nameSize, 46 + nameSize + extraSize));
  const wide = extra.zip64(["size", "compressedSize", "offset"], {
    size: header.readUInt32LE(24),
    compressedSize: header.readUInt32LE(20),
    offset: header.readUInt32LE(42),
  });
  const unix = header.readUInt8(5) === 3 ? header.readUInt32LE(38) >>> 16 : 0;
  const dosTime = header.readUInt32LE(12);
  const entry: ZipEntry = {
    name,
    type: typeOf(name, unix),
    mode: unix === 0 ? null : unix & 0o7777,
    uid: extra.owner?.uid ?? null,
    gid: extra.owner?.gid ?? null,
    mtimeNs: extra.mtimeNs ?? dosToNs(dosTime),
    flags: header.readUInt16LE(8),
    method: header.readUInt16LE(10),
    dosTime,
    crc: header.readUInt32LE(16),
    ...wide,
  };
  checkEntry(entry);
  return { entry, next };
}

/** The limit of the ratio: deflate makes at most 1,032 bytes of one (zlib's technical notes). */
const MAX_RATIO = 1032;

function checkEntry(entry: ZipEntry): void {
  const name = display(entry.name);
  if ((entry.flags & FLAG_ENCRYPTED) !== 0) failArchive(`${name} is encrypted`);
  if (entry.method !== STORED && entry.method !== DEFLATED)
    failArchive(`${name} is compressed by method ${entry.method}, which is not known here`);
  if (entry.method === STORED && entry.size !== entry.compressedSize) failArchive(`${name} has two sizes`);
  if (entry.size > entry.compressedSize * MAX_RATIO) failArchive(`${name} claims more content than its data can hold`);
  if (entry.type === "directory" && entry.size > 0) failArchive(`${name} is a directory with content`);
}

/** The name as a path without needless parts; throws for one that would lead out of the target. */
function safePath(name: BytePath): BytePath {
  if (name === "" || name.includes("\0")) failArchive("an entry has no usable name");
  if (name.startsWith("/")) failArchive(`${display(name)} is an absolute path`);
  const parts = name.split("/");
  if (parts.includes("..")) failArchive(`${display(name)} leads out of the archive`);
  return parts.filter((part) => part !== "" && part !== ".").join("/");
}

function typeOf(name: BytePath, unixMode: number): ZipEntry["type"] {
  if (name.endsWith("/")) return "directory";
  switch (unixMode & 0o170000) {
    case 0:
    case FILE_TYPE_BITS.file:
      return "file";
    case FILE_TYPE_BITS.symlink:
      return "symlink";
    case FILE_TYPE_BITS.directory:
      return "directory";
    default:
      return failArchive(`${display(name)} is a device, FIFO or socket`);
  }
}

/** A lower bound of where each entry ends must not pass the next one's beginning. */
function checkOverlaps(entries: readonly ZipEntry[], end: number): void {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset);
  sorted.forEach((entry, index) => {
    const next = sorted[index + 1]?.offset ?? end;
    if (entry.offset + 30 + entry.name.length + entry.compressedSize > next)
      failArchive(`${display(entry.name)} overlaps what follows it`);
  });
}

type WideField = "size" | "compressedSize" | "offset";

interface Extra {
  readonly owner: { uid: number; gid: number } | null;
  readonly mtimeNs: bigint | null;
  readonly hasZip64: boolean;
  /** Takes those of the 32-bit fields that say so from the zip64 field (4.5.3), which holds them in this order. */
  zip64<F extends WideField>(order: readonly F[], narrow: Record<F, number>): Record<F, number>;
}

/** 4.5.1 and the fields described in format.ts; others are skipped. */
export function readExtra(extra: Buffer): Extra {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= extra.length;) {
    const size = extra.readUInt16LE(at + 2);
    if (at + 4 + size > extra.length) failArchive("an extra field is damaged");
    fields.set(extra.readUInt16LE(at), extra.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  const zip64 = fields.get(EXTRA_ZIP64);
  return {
    owner: readOwner(fields.get(EXTRA_OWNER)),
    mtimeNs: readTime(fields.get(EXTRA_TIME), fields.get(EXTRA_NTFS)),
    hasZip64: zip64 !== undefined,
    zip64: (order, narrow) => {
      const wide = { ...narrow };
      let at = 0;
      for (const field of order) {
        if (narrow[field] !== MAX32 || zip64 === undefined) continue;
        if (at + 8 > zip64.length) failArchive("a zip64 extra field is too short");
        wide[field] = readUInt64(zip64, at);
        at += 8;
      }
      return wide;
    },
  };
}

function readOwner(field: Buffer | undefined): { uid: number; gid: number } | null {
  if (field === undefined || field.length !== 11 || field.readUInt8(1) !== 4 || field.readUInt8(6) !== 4) return null;
  return { uid: field.readUInt32LE(2), gid: field.readUInt32LE(7) };
}

function readTime(time: Buffer | undefined, ntfs: Buffer | undefined): bigint | null {
  if (time !== undefined && time.length >= 5 && (time.readUInt8(0) & 1) === 1)
    return BigInt(time.readInt32LE(1)) * 1_000_000_000n;
  if (ntfs === undefined || ntfs.length < 16 || ntfs.readUInt16LE(4) !== 1) return null;
  return (ntfs.readBigUInt64LE(8) - NTFS_EPOCH) * 100n;
}

/** 4.4.6, taken as UTC. */
function dosToNs(value: number): bigint {
  const date = value >>> 16;
  const time = value & 0xffff;
  const ms = Date.UTC(
    1980 + (date >> 9),
    ((date >> 5) & 15) - 1,
    date & 31,
    time >> 11,
    (time >> 5) & 63,
    (time & 31) * 2,
  );
  return BigInt(ms) * 1_000_000n;
}

/** Throws for what no file can be as long as. */
export function readUInt64(buffer: Buffer, at: number): number {
  const value = Number(buffer.readBigUInt64LE(at));
  return Number.isSafeInteger(value) ? value : failArchive("a number is out of range");
}
