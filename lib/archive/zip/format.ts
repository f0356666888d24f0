/**
 * The records of a zip archive: PKWARE's APPNOTE 6.3.10 (sections named below), and the extra fields of Info-ZIP
 * (`proginfo/extrafld.txt` of its zip 3.0).
 */
import type { BytePath, EntryAttributes } from "../entry.ts";
import { floorNs } from "../fingerprint.ts";
import { isAscii, isUtf8, toBuffer } from "../path.ts";

export const LOCAL_SIGNATURE = 0x04034b50;
export const DESCRIPTOR_SIGNATURE = 0x08074b50;
export const CENTRAL_SIGNATURE = 0x02014b50;
export const END64_SIGNATURE = 0x06064b50;
export const LOCATOR64_SIGNATURE = 0x07064b50;
export const END_SIGNATURE = 0x06054b50;

export const STORED = 0;
export const DEFLATED = 8;

export const FLAG_ENCRYPTED = 0x0001;
export const FLAG_DESCRIPTOR = 0x0008;
export const FLAG_UTF8 = 0x0800;

export const EXTRA_ZIP64 = 0x0001;
export const EXTRA_NTFS = 0x000a;
export const EXTRA_TIME = 0x5455;
export const EXTRA_OWNER = 0x7875;

/** The value of a 32- or 16-bit field that refers to the zip64 extra field or record. */
export const MAX32 = 0xffff_ffff;
export const MAX16 = 0xffff;

export const FILE_TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/** The first values that need zip64, because they do not fit the old fields. Tests use lower ones. */
export interface Zip64Limits {
  readonly bytes: number;
  readonly entries: number;
}
export const ZIP64_LIMITS: Zip64Limits = { bytes: MAX32, entries: MAX16 };

/** The fields of the local and the central header of an entry. */
export interface ZipRecord {
  readonly name: BytePath;
  readonly type: keyof typeof FILE_TYPE_BITS;
  readonly attributes: EntryAttributes;
  readonly method: typeof STORED | typeof DEFLATED;
  /** Sizes and CRC follow the data (4.3.9) because they are not known before. */
  readonly streamed: boolean;
  /** The sizes are in a zip64 extra field, and those of a descriptor have 8 bytes. */
  readonly zip64: boolean;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
}

/** 4.3.7; for a streamed entry with zeros for what is not known. */
export function localHeader(record: ZipRecord): Buffer {
  const known = record.streamed ? { ...record, crc: 0, compressedSize: 0, size: 0 } : record;
  const extra = Buffer.concat([
    record.zip64 ? zip64Extra([known.size, known.compressedSize]) : EMPTY,
    commonExtra(record),
  ]);
  const name = toBuffer(record.name);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL_SIGNATURE, 0);
  writeCommon(header, 4, known);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

/** 4.3.9, with its signature. */
export function dataDescriptor(record: ZipRecord): Buffer {
  const descriptor = Buffer.alloc(record.zip64 ? 24 : 16);
  descriptor.writeUInt32LE(DESCRIPTOR_SIGNATURE, 0);
  descriptor.writeUInt32LE(record.crc, 4);
  if (record.zip64) {
    writeUInt64(descriptor, record.compressedSize, 8);
    writeUInt64(descriptor, record.size, 16);
  } else {
    descriptor.writeUInt32LE(record.compressedSize, 8);
    descriptor.writeUInt32LE(record.size, 12);
  }
  return descriptor;
}

/** 4.3.12. */
export function centralHeader(record: ZipRecord, limits: Zip64Limits): Buffer {
  const farOffset = record.offset >= limits.bytes;
  const wide = [...(record.zip64 ? [record.size, record.compressedSize] : []), ...(farOffset ? [record.offset] : [])];
  const extra = Buffer.concat([wide.length > 0 ? zip64Extra(wide) : EMPTY, commonExtra(record)]);
  const name = toBuffer(record.name);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(CENTRAL_SIGNATURE, 0);
  header.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 4);
  writeCommon(header, 6, record);
  if (farOffset) header.writeUInt16LE(VERSION_ZIP64, 6);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  const mode = (FILE_TYPE_BITS[record.type] | record.attributes.mode) << 16;
  header.writeUInt32LE((mode | (record.type === "directory" ? MSDOS_DIRECTORY : 0)) >>> 0, 38);
  header.writeUInt32LE(farOffset ? MAX32 : record.offset, 42);
  return Buffer.concat([header, name, extra]);
}

/** Returns the end of an archive: 4.3.16, after 4.3.14 and 4.3.15 if zip64 is needed. */
export function endRecords(entries: number, size: number, offset: number, limits: Zip64Limits): Buffer {
  const zip64 = entries >= limits.entries || size >= limits.bytes || offset >= limits.bytes;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END_SIGNATURE, 0);
  end.writeUInt16LE(zip64 ? MAX16 : entries, 8);
  end.writeUInt16LE(zip64 ? MAX16 : entries, 10);
  end.writeUInt32LE(zip64 ? MAX32 : size, 12);
  end.writeUInt32LE(zip64 ? MAX32 : offset, 16);
  if (!zip64) return end;
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(END64_SIGNATURE, 0);
  writeUInt64(end64, 44, 4);
  end64.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 12);
  end64.writeUInt16LE(VERSION_ZIP64, 14);
  for (const [value, at] of [
    [entries, 24],
    [entries, 32],
    [size, 40],
    [offset, 48],
  ] as const)
    writeUInt64(end64, value, at);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(LOCATOR64_SIGNATURE, 0);
  writeUInt64(locator, offset + size, 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end64, locator, end]);
}

const EMPTY = Buffer.alloc(0);
const MADE_BY_UNIX = 3 << 8;
const VERSION_DEFLATE = 20;
const VERSION_ZIP64 = 45;
const MSDOS_DIRECTORY = 0x10;

/** The fields that the local and the central header have in common, from "version needed" to "uncompressed size". */
function writeCommon(header: Buffer, at: number, record: ZipRecord): void {
  const utf8 = !isAscii(record.name) && isUtf8(record.name);
  const { date, time } = dosDateTime(record.attributes.mtimeNs);
  header.writeUInt16LE(record.zip64 ? VERSION_ZIP64 : VERSION_DEFLATE, at);
  header.writeUInt16LE((record.streamed ? FLAG_DESCRIPTOR : 0) | (utf8 ? FLAG_UTF8 : 0), at + 2);
  header.writeUInt16LE(record.method, at + 4);
  header.writeUInt16LE(time, at + 6);
  header.writeUInt16LE(date, at + 8);
  header.writeUInt32LE(record.crc, at + 10);
  header.writeUInt32LE(record.zip64 ? MAX32 : record.compressedSize, at + 14);
  header.writeUInt32LE(record.zip64 ? MAX32 : record.size, at + 18);
}

/** 4.5.3. */
function zip64Extra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(EXTRA_ZIP64, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => writeUInt64(extra, value, 4 + 8 * index));
  return extra;
}

/**
 * Time and owner. Info-ZIP's `UT` holds whole seconds in signed 32 bits; a time that does not fit goes to the NTFS
 * field (4.5.5), which 7-Zip reads. Info-ZIP's `ux` holds uid and gid.
 */
function commonExtra(record: ZipRecord): Buffer {
  const { mtimeNs, uid, gid } = record.attributes;
  const owner = Buffer.alloc(15);
  owner.writeUInt16LE(EXTRA_OWNER, 0);
  owner.writeUInt16LE(11, 2);
  owner.writeUInt8(1, 4);
  owner.writeUInt8(4, 5);
  owner.writeUInt32LE(uid, 6);
  owner.writeUInt8(4, 10);
  owner.writeUInt32LE(gid, 11);
  return Buffer.concat([timeExtra(mtimeNs), owner]);
}

function timeExtra(mtimeNs: bigint): Buffer {
  const seconds = floorNs(mtimeNs, 1_000_000_000n);
  if (seconds >= -0x8000_0000n && seconds <= 0x7fff_ffffn) {
    const extra = Buffer.alloc(9);
    extra.writeUInt16LE(EXTRA_TIME, 0);
    extra.writeUInt16LE(5, 2);
    extra.writeUInt8(1, 4); // only the modification time
    extra.writeInt32LE(Number(seconds), 5);
    return extra;
  }
  const extra = Buffer.alloc(36);
  const ticks = floorNs(mtimeNs, 100n) + NTFS_EPOCH;
  const clamped = ticks < 0n ? 0n : ticks;
  extra.writeUInt16LE(EXTRA_NTFS, 0);
  extra.writeUInt16LE(32, 2);
  extra.writeUInt16LE(1, 8);
  extra.writeUInt16LE(24, 10);
  for (const at of [12, 20, 28]) extra.writeBigUInt64LE(clamped, at); // modified, read, created
  return extra;
}

/** 100 ns ticks from 1601 to 1970. */
export const NTFS_EPOCH = 116_444_736_000_000_000n;

/** Encodes a time by 4.4.6, in UTC so that the host's time zone never changes the bytes, and limited to 1980–2107. */
function dosDateTime(mtimeNs: bigint): { date: number; time: number } {
  const ms = Number(floorNs(mtimeNs, 1_000_000n));
  const at = new Date(Math.min(Math.max(ms, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31, 23, 59, 58)));
  return {
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}

function writeUInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}
