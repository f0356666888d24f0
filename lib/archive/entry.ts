/** Entries of the file system, as walks yield them and archive writers take them. */
/**
 * A path as bytes: a string in which every character is one byte (`latin1`), so that names that are no UTF-8 survive
 * and `<` compares by byte. `/` separated; relative to the root that was walked unless said otherwise.
 */
export type BytePath = string;

/** The extended attributes of an entry: values by name, both as bytes (`latin1` for names). */
export type Xattrs = ReadonlyMap<string, Buffer>;

export type EntryType = "file" | "directory" | "symlink" | "fifo" | "socket" | "device";

/** One entry as `lstat` sees it. */
export interface Entry {
  readonly path: BytePath;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: `st_mode & 0o7777`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  /** Target of a symlink, as bytes; empty for other types. */
  readonly target: BytePath;
  /** The extended attributes that are kept, if any; a walk does not see them. */
  readonly xattrs?: Xattrs;
}

/** The attributes of an entry in an archive. */
export type EntryAttributes = Pick<Entry, "mode" | "uid" | "gid" | "mtimeNs" | "xattrs">;

/** Names of users and groups by number; empty strings for unknown numbers. */
export interface Owners {
  user(uid: number): string;
  group(gid: number): string;
}

/** The result of reading a file into an archive. */
export interface StoredFile {
  readonly size: number;
  /** Lower-case hex, of the bytes that are in the archive. */
  readonly sha256: string;
  /** True when the file would not hold still: what is in the archive is its last reading. */
  readonly changed: boolean;
}

/** Writes one archive, in the order of the calls. All calls are synchronous: writers live in worker threads. */
export interface ArchiveWriter {
  addDirectory(name: BytePath, attributes: EntryAttributes): void;
  addSymlink(name: BytePath, target: BytePath, attributes: EntryAttributes): void;
  addBytes(name: BytePath, data: Uint8Array, attributes: EntryAttributes): StoredFile;
  /**
   * Reads the file at `location` into the archive; errors call it `file`, where that is another path. Throws a
   * HoldfastError `E_UNREADABLE` or `E_MISSING` and leaves the archive as it was.
   */
  addFile(name: BytePath, location: BytePath, attributes: EntryAttributes, file?: BytePath): StoredFile;
  /** Writes what ends the archive. The number of entries written. */
  close(): number;
}
