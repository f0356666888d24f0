/**
 * POSIX ACLs between the kernel's form and the text that tar archives hold. The kernel's: a version, 2, of 32 bits, then
 * entries of tag and permissions, 16 bits each, and id, 32 bits, little endian (linux/posix_acl_xattr.h).
 */
import { failArchive } from "../errors.ts";

const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const NO_ID = 0xffff_ffff;
/** Words by tag; an entry with a named one is of a single user or group. */
const TAGS = new Map([
  [0x01, { word: "user", named: false }],
  [0x02, { word: "user", named: true }],
  [0x04, { word: "group", named: false }],
  [0x08, { word: "group", named: true }],
  [0x10, { word: "mask", named: false }],
  [0x20, { word: "other", named: false }],
]);
const PERMISSIONS = [
  [4, "r"],
  [2, "w"],
  [1, "x"],
] as const;

/** Returns an ACL as text with numeric ids, which `acl_from_text` and tar read; undefined for a form not known here. */
export function aclText(value: Buffer): string | undefined {
  if (value.length < HEADER_BYTES || value.readUInt32LE(0) !== VERSION) return undefined;
  if ((value.length - HEADER_BYTES) % ENTRY_BYTES !== 0) return undefined;
  const entries: string[] = [];
  for (let at = HEADER_BYTES; at < value.length; at += ENTRY_BYTES) {
    const tag = TAGS.get(value.readUInt16LE(at));
    if (tag === undefined) return undefined;
    const permissions = value.readUInt16LE(at + 2);
    const letters = PERMISSIONS.map(([bit, letter]) => ((permissions & bit) === 0 ? "-" : letter)).join("");
    entries.push(`${tag.word}:${tag.named ? value.readUInt32LE(at + 4) : ""}:${letters}`);
  }
  return entries.join(",");
}

/** Returns an ACL with the numbers of this host; one that is not in the tables stays. */
export function mapAcl(
  value: Buffer,
  users: Readonly<Record<number, number>>,
  groups: Readonly<Record<number, number>>,
): Buffer {
  if (aclText(value) === undefined) return value;
  const mapped = Buffer.from(value);
  for (let at = HEADER_BYTES; at < value.length; at += ENTRY_BYTES) {
    const { word = "", named = false } = TAGS.get(value.readUInt16LE(at)) ?? {};
    const id = value.readUInt32LE(at + 4);
    if (named) mapped.writeUInt32LE((word === "user" ? users : groups)[id] ?? id, at + 4);
  }
  return mapped;
}

/** Returns the kernel's form of an ACL's text. Throws `E_ARCHIVE` for text that is not one with numeric ids. */
export function aclBytes(text: string): Buffer {
  const entries = text.split(/[,\n]/).filter((entry) => entry !== "");
  const value = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  value.writeUInt32LE(VERSION, 0);
  for (const [index, entry] of entries.entries()) {
    const [, word, id = "", letters = ""] = /^(user|group|mask|other):(\d*):([r-][w-][x-])$/.exec(entry) ?? [];
    const named = id !== "";
    const tag = [...TAGS].find(([, known]) => known.word === word && known.named === named);
    if (tag === undefined || Number(id) >= NO_ID) failArchive(`the ACL entry ${JSON.stringify(entry)} is malformed`);
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    value.writeUInt16LE(tag[0], at);
    value.writeUInt16LE(
      PERMISSIONS.reduce((sum, [bit, letter]) => sum + (letters.includes(letter) ? bit : 0), 0),
      at + 2,
    );
    value.writeUInt32LE(named ? Number(id) : NO_ID, at + 4);
  }
  return value;
}
