/** Reads a tar stream that is pushed into it, ustar, pax or GNU, and believes none of it. Formats: format.ts. */
import { createHash, type Hash } from "node:crypto";
import { failArchive } from "../errors.ts";
import type { BytePath, EntryType, Xattrs } from "../entry.ts";
import { display } from "../path.ts";
import { isXattrKey, xattrsIn } from "./pax-xattrs.ts";
import { BLOCK, checksum, paddingOf, TAR_TYPE } from "./format.ts";

export interface TarEntry {
  /** The name without a trailing slash; empty for `./`. */
  readonly path: BytePath;
  readonly type: EntryType | "hardlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: BytePath;
  readonly group: BytePath;
  /** Size of the data that follow: 0 except for files. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Target of a symlink, or the entry of which a hard link is another name. */
  readonly linkname: BytePath;
  readonly xattrs?: Xattrs;
  /** Digest of a file's content, lower-case hex; null for other types. */
  readonly sha256: string | null;
}

/** Takes the content of entries as it comes by. */
export interface TarContent {
  /** Called before the content of each entry, also if it is empty. */
  begin(entry: Omit<TarEntry, "sha256">): void;
  data(chunk: Buffer): void;
}

/** Longer pax headers and names are damage or meant to do harm. */
const MAX_EXTENSION = 1024 * 1024;
/** Limit of the padding: programs pad an archive to whole records, of 10 kB by default. */
const MAX_PADDING = 1024 * 1024;
/** The pax keys that are read beside extended attributes; others are ignored. */
const PAX_KEYS = new Set(["path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"]);

type State =
  | { readonly at: "header" }
  | { readonly at: "extension"; readonly type: string; readonly parts: Buffer[]; left: number }
  | { readonly at: "data"; readonly entry: Omit<TarEntry, "sha256">; readonly hash: Hash | null; left: number }
  | { readonly at: "padding"; left: number }
  | { readonly at: "end" };

/** Every method throws `E_ARCHIVE`, naming what is wrong. */
export class TarReader {
  readonly #onEntry: ((entry: TarEntry) => void) | undefined;
  readonly #content: TarContent | undefined;
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #zeroBlocks = 0;
  #padding = 0;
  #state: State = { at: "header" };
  #global = new Map<string, BytePath>();
  /** The values of pax headers and long-name records for the next entry. */
  #next = new Map<string, BytePath>();
  #entries = 0;
  #bytes = 0;

  /** Calls `onEntry` for each entry after its content was read; without it no content is hashed. */
  constructor(onEntry?: (entry: TarEntry) => void, content?: TarContent) {
    this.#onEntry = onEntry;
    this.#content = content;
  }

  write(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) rest = this.#take(rest);
  }

  /** Ends the archive after the last chunk. `bytes` is the content of all files. */
  end(): { entries: number; bytes: number } {
    if (this.#state.at !== "end") failArchive("the archive ends without its end marker: it is truncated");
    return { entries: this.#entries, bytes: this.#bytes };
  }

  /** Takes the beginning of some bytes; returns the rest. */
  #take(chunk: Buffer): Buffer {
    const state = this.#state;
    if (state.at === "end") {
      if (chunk.some((byte) => byte !== 0)) failArchive("there are stray bytes after the end marker");
      this.#padding += chunk.length;
      if (this.#padding > MAX_PADDING) failArchive("the end marker is followed by more zeros than any program writes");
      return chunk.subarray(chunk.length);
    }
    if (state.at === "header") return this.#takeHeader(chunk);
    const part = chunk.subarray(0, state.left);
    state.left -= part.length;
    if (state.at === "data") {
      state.hash?.update(part);
      this.#content?.data(part);
    }
    if (state.at === "extension") state.parts.push(Buffer.from(part));
    if (state.left === 0) this.#finish(state);
    return chunk.subarray(part.length);
  }

  #takeHeader(chunk: Buffer): Buffer {
    const part = chunk.subarray(0, BLOCK - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#header(this.#block);
    }
    return chunk.subarray(part.length);
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      if (this.#next.size > 0) failArchive("a header of extended attributes belongs to no entry");
      if (++this.#zeroBlocks === 2) this.#state = { at: "end" };
      return;
    }
    if (this.#zeroBlocks > 0) failArchive("an entry follows half an end marker");
    if (number(block, 148, 8) !== checksum(block))
      failArchive(`the checksum of the header after ${this.#entries} entries is wrong`);
    const type = String.fromCharCode(block[156] ?? 0);
    if (EXTENSIONS.has(type)) {
      const size = unsigned(block, 124, 12);
      if (size > MAX_EXTENSION) failArchive("a header of extended attributes is too long");
      this.#begin({ at: "extension", type, parts: [], left: size });
      return;
    }
    const entry = this.#entry(block, type);
    this.#next = new Map();
    this.#content?.begin(entry);
    this.#begin({
      at: "data",
      entry,
      hash: entry.type === "file" && this.#onEntry !== undefined ? createHash("sha256") : null,
      left: entry.size,
    });
  }

  #begin(state: Extract<State, { left: number }>): void {
    this.#state = state;
    if (state.left === 0) this.#finish(state);
  }

  #finish(state: Extract<State, { left: number }>): void {
    this.#state = { at: "header" };
    if (state.at === "padding") return;
    if (state.at === "data") {
      this.#entries++;
      this.#bytes += state.entry.size;
      this.#onEntry?.({ ...state.entry, sha256: state.hash?.digest("hex") ?? null });
    }
    if (state.at === "extension") this.#extend(state.type, Buffer.concat(state.parts));
    const size = state.at === "data" ? state.entry.size : state.parts.reduce((sum, part) => sum + part.length, 0);
    const padding = paddingOf(size);
    if (padding > 0) this.#state = { at: "padding", left: padding };
  }

  #extend(type: string, data: Buffer): void {
    if (type === TAR_TYPE.gnuLongName) this.#next.set("path", untilNul(data));
    else if (type === TAR_TYPE.gnuLongLink) this.#next.set("linkpath", untilNul(data));
    else
      for (const [key, value] of paxRecords(data)) {
        if (key.startsWith("GNU.sparse")) failArchive("an entry in GNU's sparse format, which is not known here");
        if (PAX_KEYS.has(key) || isXattrKey(key)) (type === TAR_TYPE.pax ? this.#next : this.#global).set(key, value);
      }
  }

  #entry(block: Buffer, type: string): Omit<TarEntry, "sha256"> {
    const known = TYPES.get(type);
    if (known === undefined) failArchive(`an entry of the unknown type ${JSON.stringify(type)}`);
    const pax = (key: string): BytePath | undefined => this.#next.get(key) ?? this.#global.get(key);
    const decimal = (key: string): number | undefined => {
      const value = pax(key);
      if (value === undefined) return undefined;
      return /^\d{1,15}$/.test(value) ? Number(value) : failArchive(`the pax ${key} ${display(value)} is not a number`);
    };
    const name = pax("path") ?? headerName(block);
    if (name === "" || name.includes("\0")) failArchive("an entry has no usable name");
    const mtime = pax("mtime");
    const xattrs = xattrsIn(this.#next);
    const size = decimal("size") ?? unsigned(block, 124, 12);
    return {
      path: name.replace(/\/+$/, "").replace(/^\.$/, ""),
      type: known === "file" && name.endsWith("/") ? "directory" : known,
      mode: unsigned(block, 100, 8) & 0o7777,
      uid: decimal("uid") ?? unsigned(block, 108, 8),
      gid: decimal("gid") ?? unsigned(block, 116, 8),
      user: pax("uname") ?? untilNul(block.subarray(265, 297)),
      group: pax("gname") ?? untilNul(block.subarray(297, 329)),
      size: known === "file" ? size : 0,
      mtimeNs: mtime === undefined ? BigInt(number(block, 136, 12)) * 1_000_000_000n : decimalNs(mtime),
      linkname:
        known === "symlink" || known === "hardlink" ? (pax("linkpath") ?? untilNul(block.subarray(157, 257))) : "",
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  }
}

const EXTENSIONS = new Set<string>([TAR_TYPE.pax, TAR_TYPE.paxGlobal, TAR_TYPE.gnuLongName, TAR_TYPE.gnuLongLink]);
const TYPES = new Map<string, TarEntry["type"]>([
  [TAR_TYPE.file, "file"],
  ["\0", "file"],
  ["7", "file"],
  [TAR_TYPE.hardlink, "hardlink"],
  [TAR_TYPE.symlink, "symlink"],
  ["3", "device"],
  ["4", "device"],
  [TAR_TYPE.directory, "directory"],
  ["6", "fifo"],
]);

/** The prefix belongs to ustar; in GNU's own format, which ends its magic with two spaces, other fields are there. */
function headerName(block: Buffer): BytePath {
  const name = untilNul(block.subarray(0, 100));
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? untilNul(block.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Octal, or GNU's base-256 where the first bit is set. */
function number(block: Buffer, at: number, size: number): number {
  const field = block.subarray(at, at + size);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    const value = field.reduce((sum, byte, index) => sum * 256n + BigInt(index === 0 ? byte & 0x7f : byte), 0n);
    const signed = (first & 0x40) === 0 ? value : value - (1n << BigInt(size * 8 - 1));
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : failArchive("a number in a header is out of range");
  }
  const text = untilNul(field).trim();
  return /^[0-7]*$/.test(text)
    ? Number.parseInt(text === "" ? "0" : text, 8)
    : failArchive("a number in a header is damaged");
}

/** A number that cannot be less than 0; only times can. */
function unsigned(block: Buffer, at: number, size: number): number {
  const value = number(block, at, size);
  return value >= 0 ? value : failArchive("a number in a header is negative");
}

function untilNul(data: Buffer): BytePath {
  const end = data.indexOf(0);
  return data.toString("latin1", 0, end === -1 ? data.length : end);
}

/** `LENGTH KEYWORD=VALUE LF`, one after the other. */
function* paxRecords(data: Buffer): Generator<[string, BytePath]> {
  for (let at = 0; at < data.length;) {
    const length =
      /^(\d{1,7}) /.exec(data.toString("latin1", at, at + 8))?.[1] ?? failArchive("a pax header is damaged");
    const record = data.toString("latin1", at, at + Number(length));
    const equals = record.indexOf("=");
    if (record.length !== Number(length) || !record.endsWith("\n") || equals < 0)
      failArchive("a pax header is damaged");
    yield [record.slice(length.length + 1, equals), record.slice(equals + 1, -1)];
    at += record.length;
  }
}

function decimalNs(text: string): bigint {
  const [, sign, seconds = "0", fraction = ""] =
    /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? failArchive(`the pax mtime ${display(text)} is not a valid time`);
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -ns : ns;
}
