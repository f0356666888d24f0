/** Digests the content of a unit, with the attributes that a restore sets, for restores, drills and comparisons. */
import { createHash, hash, type Hash } from "node:crypto";
import type { BytePath, Entry, Xattrs } from "./entry.ts";
import { floorNs } from "./fingerprint.ts";

const BATCH = 64 * 1024;
const NS_PER_SECOND = 1_000_000_000n;
const TYPES = { file: "f", directory: "d", symlink: "l" } as const;

/** The part of an entry that is digested. `size` and `sha256` are those of the content. */
export type ContentEntry = Pick<
  Entry,
  "path" | "type" | "mode" | "uid" | "gid" | "size" | "mtimeNs" | "target" | "xattrs"
>;

/**
 * sha256 over the canonical form of a tree, which is, byte for byte:
 *
 * holdfast content 1 LF then for each entry, in the order of a walk (see `comparePaths`; several roots one after the
 * other): PATH NUL TYPE NUL MODE NUL UID NUL GID NUL SIZE NUL MTIME NUL TARGET NUL SHA256 LF
 *
 * PATH and TARGET are raw bytes, PATH without a leading or trailing slash; TYPE is `f`, `d` or `l`; MODE is octal
 * without leading zeros and holds the permission bits with setuid, setgid and sticky; UID, GID and SIZE are decimal;
 * SIZE is 0 but for files; MTIME is decimal whole seconds since 1970, rounded down, with a leading `-` before that;
 * TARGET is empty but for symlinks; SHA256 is lower-case hex of the content, empty but for files. The root itself, and
 * FIFOs, sockets and devices, which no archive holds, are no part of it.
 *
 * Extended attributes, those of the root included, make it the sha256 of three lines: `holdfast content 2`, the digest
 * above, and the sha256 of PATH NUL NAME NUL LENGTH NUL VALUE LF for each attribute, by name.
 */
export class ContentDigest {
  readonly #hash = createHash("sha256");
  /** Digests extended attributes; null while no entry has any. */
  #xattrs: Hash | null = null;
  #pending = "holdfast content 1\n";

  /** Adds an entry; `sha256` is null except for files. Skips the root, and entries that no archive holds. */
  add(entry: ContentEntry, sha256: string | null): void {
    const { path, type, mode, uid, gid, mtimeNs, xattrs } = entry;
    if (xattrs !== undefined && xattrs.size > 0) this.#addXattrs(path, xattrs);
    if (path === "" || type === "fifo" || type === "socket" || type === "device") return;
    const size = type === "file" ? entry.size : 0;
    const target = type === "symlink" ? entry.target : "";
    const seconds = floorNs(mtimeNs, NS_PER_SECOND);
    this.#pending +=
      `${path}\0${TYPES[type]}\0${mode.toString(8)}\0${uid}\0${gid}\0${size}\0${seconds}\0${target}\0` +
      `${sha256 ?? ""}\n`;
    if (this.#pending.length >= BATCH) this.#flush();
  }

  /** Lower-case hex. */
  finish(): string {
    this.#flush();
    const plain = this.#hash.digest("hex");
    if (this.#xattrs === null) return plain;
    return hash("sha256", `holdfast content 2\n${plain}\n${this.#xattrs.digest("hex")}\n`, "hex");
  }

  #addXattrs(path: BytePath, xattrs: Xattrs): void {
    this.#xattrs ??= createHash("sha256");
    for (const [name, value] of [...xattrs].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      this.#xattrs.update(`${path}\0${name}\0${value.length}\0`, "latin1").update(value).update("\n");
  }

  #flush(): void {
    this.#hash.update(this.#pending, "latin1");
    this.#pending = "";
  }
}
