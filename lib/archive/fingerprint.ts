/** Digests the input of a unit as `lstat` sees it, and the recipe, to decide whether the unit can be reused. */
import { createHash } from "node:crypto";
import type { Entry } from "./entry.ts";

/** Time stamps this close to a walk may hide a later change in the same tick of a coarse clock. */
export const RACY_MS = 2000;
const BATCH = 64 * 1024;
/** The suffix of a WAL. Its ctime is ignored: SQLite under root sets its owner each time it opens the database. */
const WAL = "-wal";

export interface Fingerprint {
  /** Lower-case hex, or null when an input changed within two seconds of the walk's start, or later. */
  readonly fingerprint: string | null;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
  /** RFC 3339 UTC to the millisecond, rounded down; null when there is nothing. */
  readonly newest_mtime: string | null;
}

/**
 * Computes the sha256 of a header with the recipe, and of each entry in walk order. An entry has path, type, mode, uid,
 * gid, size, mtime, ctime (nanoseconds), inode, link count and link target. Each field ends with a NUL, which no path
 * contains, so different inputs never give the same bytes. The root, an entry with an empty path, is not counted.
 */
export class FingerprintBuilder {
  readonly #hash = createHash("sha256");
  #pending: string;
  #files = 0;
  #directories = 0;
  #symlinks = 0;
  #bytes = 0;
  #newestMtime: bigint | null = null;
  /** The newest time stamp that an input's change can have left. */
  #newestChange: bigint | null = null;

  constructor(recipe: string) {
    const bytes = Buffer.from(recipe, "utf8");
    this.#pending = `holdfast fingerprint 1\0${bytes.length}\0${bytes.toString("latin1")}\0`;
  }

  add(entry: Entry): void {
    const { path, type, mode, uid, gid, size, mtimeNs, ino, nlink, target } = entry;
    const ctimeNs = path.endsWith(WAL) ? mtimeNs : entry.ctimeNs;
    this.#pending += `${path}\0${type}\0${mode}\0${uid}\0${gid}\0${size}\0${mtimeNs}\0${ctimeNs}\0${ino}\0${nlink}\0${target}\0`;
    if (this.#pending.length >= BATCH) this.#flush();
    this.#newestChange = later(this.#newestChange, ctimeNs);
    // An mtime in the future was set explicitly: it would prevent reuse for ever, and the ctime shows when it was set.
    if (mtimeNs <= toNs(Date.now() + RACY_MS)) this.#newestChange = later(this.#newestChange, mtimeNs);
    if (path === "") return;
    this.#newestMtime = later(this.#newestMtime, mtimeNs);
    if (type === "file") {
      this.#files++;
      this.#bytes += size;
    } else if (type === "directory") this.#directories++;
    else if (type === "symlink") this.#symlinks++;
  }

  /** `walkStartedMs` is `Date.now()` from before the first entry was looked at. */
  finish(walkStartedMs: number): Fingerprint {
    this.#flush();
    const racy = this.#newestChange !== null && this.#newestChange >= toNs(walkStartedMs - RACY_MS);
    return {
      fingerprint: racy ? null : this.#hash.digest("hex"),
      files: this.#files,
      directories: this.#directories,
      symlinks: this.#symlinks,
      bytes: this.#bytes,
      newest_mtime: this.#newestMtime === null ? null : toRfc3339(this.#newestMtime),
    };
  }

  #flush(): void {
    this.#hash.update(this.#pending, "latin1");
    this.#pending = "";
  }
}

function later(a: bigint | null, b: bigint): bigint {
  return a === null || b > a ? b : a;
}

function toNs(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1_000_000n;
}

/** Whole units below a time, rounded down, before 1970 too. */
export function floorNs(ns: bigint, unit: bigint): bigint {
  return ns >= 0n ? ns / unit : -((unit - 1n - ns) / unit);
}

/** Rounded down to the millisecond; years beyond 9999, which RFC 3339 has not, become its last instant. */
function toRfc3339(ns: bigint): string {
  return new Date(Math.min(Number(floorNs(ns, 1_000_000n)), Date.UTC(9999, 11, 31, 23, 59, 59, 999))).toISOString();
}
