/** The request to unpack an archive, and its result. */
import type { BytePath } from "../entry.ts";
import type { SharedDirectories, SharedRequest } from "./directories.ts";

export interface UnpackRequest {
  /** Absolute path. */
  readonly archive: string;
  readonly format: "zip" | "tgz";
  /** The file of extended attributes beside a zip; a tgz has them in itself. */
  readonly sidecar?: string;
  /** Entries outside of every target's prefix are read for the digest and not written. */
  readonly targets: readonly UnpackTarget[];
  /** Paths in the archive to unpack, with everything below them; all when absent. */
  readonly only?: readonly BytePath[];
  /** Entries that are read for the digest and not written. */
  readonly skip?: readonly BytePath[];
  /** Names in a compiled bundle: files below `original` replace those of the same path, `multimedia` is left out. */
  readonly reserved?: { readonly multimedia: BytePath; readonly original: BytePath };
  /** Directories that other archives write into as well; when absent, none is. */
  readonly shared?: SharedRequest;
  /** Null: owners are not set. */
  readonly owners: UnpackOwners | null;
  /** Limits of the archive. */
  readonly limits: { readonly bytes: number; readonly entries: number; readonly depth: number };
  /** Checked between entries and pieces; true ends the work with `E_INTERRUPTED`. */
  readonly cancelled: () => boolean;
  /** Called with the size of each piece of content that was written. */
  readonly onBytes?: (bytes: number) => void;
}

export interface UnpackResult {
  /** Entries of the whole archive. */
  readonly entries: number;
  /** Entries written of each type; `bytes` of content. */
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
  /** Content digest of the whole archive, with its recorded owners; null if `only` left some of it unread. */
  readonly contentDigest: string | null;
  readonly shared: SharedDirectories;
  /** Extended attributes that could not be set. */
  readonly warnings: readonly string[];
}

/** A target: entries at or below `prefix` (all for an empty one) are written below the absolute path `into`. */
export interface UnpackTarget {
  readonly prefix: BytePath;
  readonly into: BytePath;
  /** A path at or above `into` that is trusted; below it other archives may write. The parent of `into` when absent. */
  readonly base?: BytePath;
}

/** Numbers of the archive → numbers of this host; one that is not listed stays. `all` is for everything. */
export interface UnpackOwners {
  readonly users: Readonly<Record<number, number>>;
  readonly groups: Readonly<Record<number, number>>;
  readonly all?: { readonly uid: number; readonly gid: number };
}
