/**
 * The headers of a tar archive: ustar and pax as POSIX.1-2017 gives them (pax, "ustar Interchange Format" and "pax
 * Header Block"), and GNU's long-name records for names that are too long for ustar and no UTF-8, which a pax header
 * can't hold: GNU tar, libarchive and Python read those byte for byte.
 */
import type { BytePath, EntryAttributes } from "../entry.ts";
import { isUtf8, toBuffer } from "../path.ts";
import { paxXattrs } from "./pax-xattrs.ts";

export const BLOCK = 512;
export const TAR_TYPE = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  directory: "5",
  pax: "x",
  paxGlobal: "g",
  gnuLongName: "L",
  gnuLongLink: "K",
} as const;

/** The first values that no longer fit their ustar fields and need a pax header. Tests use lower ones. */
export interface TarLimits {
  readonly size: number;
}
export const TAR_LIMITS: TarLimits = { size: 0o77777777777 };

export interface TarRecord {
  /** Directories end with a slash. */
  readonly name: BytePath;
  readonly type: "file" | "hardlink" | "symlink" | "directory";
  readonly attributes: EntryAttributes;
  readonly size: number;
  readonly linkname: BytePath;
  readonly user: string;
  readonly group: string;
}

/** Returns the header blocks of an entry; its data follow. */
export function tarHeaders(record: TarRecord, limits: TarLimits): Buffer {
  const { attributes, name, linkname } = record;
  const pax: [string, string][] = [];
  const before: Buffer[] = [];
  const long = (keyword: string, type: string, value: BytePath): void => {
    if (isUtf8(value)) pax.push([keyword, value]);
    else before.push(header({ ...LONG_LINK, type, size: value.length + 1 }), padded(toBuffer(`${value}\0`)));
  };
  const fields = splitName(name);
  if (fields === null) long("path", TAR_TYPE.gnuLongName, name);
  if (linkname.length > NAME_SIZE) long("linkpath", TAR_TYPE.gnuLongLink, linkname);
  if (record.size > limits.size) pax.push(["size", String(record.size)]);
  const seconds = attributes.mtimeNs / NS_PER_SECOND;
  const plainTime = attributes.mtimeNs >= 0n && seconds <= MAX_MTIME && attributes.mtimeNs % NS_PER_SECOND === 0n;
  if (!plainTime) pax.push(["mtime", decimalTime(attributes.mtimeNs)]);
  if (attributes.uid > MAX_ID) pax.push(["uid", String(attributes.uid)]);
  if (attributes.gid > MAX_ID) pax.push(["gid", String(attributes.gid)]);
  const user = latin1(record.user);
  const group = latin1(record.group);
  if (!fitsOwner(record.user)) pax.push(["uname", user]);
  if (!fitsOwner(record.group)) pax.push(["gname", group]);
  if (record.type !== "hardlink") pax.push(...paxXattrs(attributes.xattrs));
  if (pax.length > 0) {
    const data = toBuffer(pax.map(([keyword, value]) => paxRecord(keyword, value)).join(""));
    before.push(header({ ...PAX_HEADER, size: data.length }), padded(data));
  }
  const own = header({
    name: fields?.name ?? name.slice(0, NAME_SIZE),
    prefix: fields?.prefix ?? "",
    type: TAR_TYPE[record.type],
    linkname: linkname.slice(0, NAME_SIZE),
    mode: attributes.mode,
    uid: attributes.uid > MAX_ID ? 0 : attributes.uid,
    gid: attributes.gid > MAX_ID ? 0 : attributes.gid,
    size: record.size > limits.size ? 0 : record.size,
    mtime: seconds < 0n || seconds > MAX_MTIME ? 0 : Number(seconds),
    user: fitsOwner(record.user) ? user : "",
    group: fitsOwner(record.group) ? group : "",
  });
  return Buffer.concat([...before, own]);
}

/** The bytes that fill up the last block of `size` bytes of data. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

const NAME_SIZE = 100;
const PREFIX_SIZE = 155;
const OWNER_SIZE = 31;
const MAX_ID = 0o7777777;
const MAX_MTIME = 0o77777777777n;
const NS_PER_SECOND = 1_000_000_000n;

interface HeaderFields {
  readonly name: BytePath;
  readonly prefix: BytePath;
  readonly type: string;
  readonly linkname: BytePath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly user: string;
  readonly group: string;
}

const OWN = { prefix: "", linkname: "", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, user: "", group: "" };
const PAX_HEADER = { ...OWN, name: "PaxHeaders/entry", type: TAR_TYPE.pax };
const LONG_LINK = { ...OWN, name: "././@LongLink", type: TAR_TYPE.gnuLongName };

/** One ustar header block. */
function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(fields.name, 0, NAME_SIZE, "latin1");
  writeOctal(block, fields.mode, 100, 8);
  writeOctal(block, fields.uid, 108, 8);
  writeOctal(block, fields.gid, 116, 8);
  writeOctal(block, fields.size, 124, 12);
  writeOctal(block, fields.mtime, 136, 12);
  block.write("        ", 148, "latin1"); // the checksum counts its own field as spaces
  block.write(fields.type, 156, "latin1");
  block.write(fields.linkname, 157, NAME_SIZE, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(fields.user, 265, OWNER_SIZE, "latin1");
  block.write(fields.group, 297, OWNER_SIZE, "latin1");
  writeOctal(block, 0, 329, 8);
  writeOctal(block, 0, 337, 8);
  block.write(fields.prefix, 345, PREFIX_SIZE, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The sum of a header's bytes, its own field counted as spaces. */
export function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
  return sum;
}

function writeOctal(block: Buffer, value: number, at: number, size: number): void {
  block.write(value.toString(8).padStart(size - 1, "0"), at, "latin1");
}

/** A name as ustar keeps it, in one field or cut in two at a slash; null when it does not fit. */
function splitName(name: BytePath): { name: BytePath; prefix: BytePath } | null {
  if (name.length <= NAME_SIZE) return { name, prefix: "" };
  const slash = name.indexOf("/", name.length - NAME_SIZE - 1);
  if (slash <= 0 || slash > PREFIX_SIZE || slash >= name.length - 1) return null;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

/** `LENGTH KEYWORD=VALUE LF`, where the length counts its own digits. */
function paxRecord(keyword: string, value: BytePath): BytePath {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** Decimal seconds without a needless fraction: `-0.5` is half a second before 1970. */
function decimalTime(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const fraction = String(size % NS_PER_SECOND)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${size / NS_PER_SECOND}${fraction === "" ? "" : `.${fraction}`}`;
}

function fitsOwner(name: string): boolean {
  return name.length <= OWNER_SIZE && /^[\x20-\x7e]*$/.test(name);
}

function latin1(text: string): BytePath {
  return Buffer.from(text, "utf8").toString("latin1");
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc(paddingOf(data.length))]);
}
