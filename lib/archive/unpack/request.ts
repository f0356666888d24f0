/** The request to unpack an archive, and its result. */
import type { BytePath } from "../entry.ts";
import type { SharedDirectories, SharedRequest } from "./directories.ts";

export interface UnpackRequest {
  /** Absolute path. */
  readonly archive: string;
  readonly format: "zip" | "tgz";
  /** What lies under no target's prefix is read for the digest and not written. */
  readonly targets: readonly UnpackTarget[];
  /** Only these entries, by their paths in the archive, and what is below them; all when absent. */
  readonly only?: readonly BytePath[];
  /** Entries that are read for the digest and not written. */
  readonly skip?: readonly BytePath[];
  /** Of a compiled bundle: what is under `original` stands for the file of the same path, `multimedia` is left out. */
  readonly reserved?: { readonly multimedia: BytePath; readonly original: BytePath };
  /** Directories that other archives write into as well; when absent, none is. */
  readonly shared?: SharedRequest;
  /** Null: owners are not set. */
  readonly owners: UnpackOwners | null;
  /** What the archive may hold at most. */
  readonly limits: { readonly bytes: number; readonly entries: number; readonly depth: number };
  /** Looked at between entries and pieces; true ends the work with `E_INTERRUPTED`. */
  readonly cancelled: () => boolean;
  /** Hears of content as it is written. */
  readonly onBytes?: (bytes: number) => void;
}

export interface UnpackResult {
  /** All of the archive's. */
  readonly entries: number;
  /** What was written of each kind; `bytes` of content. */
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
  /** Of the whole archive, with the owners that it records (see content-digest.ts); null when `only` left some of it unread. */
  readonly contentDigest: string | null;
  readonly shared: SharedDirectories;
}

/** What lies at or below `prefix` in the archive (everything for an empty one) lands in `into`, an absolute path, by the rest of its path. */
export interface UnpackTarget {
  readonly prefix: BytePath;
  readonly into: BytePath;
  /** At or above `into`: what leads there is trusted, what is below it may be another archive's. The parent of `into` when absent. */
  readonly base?: BytePath;
}

/** Numbers of the archive → numbers of this host; one that is not listed stays. `all` is for everything. */
export interface UnpackOwners {
  readonly users: Readonly<Record<number, number>>;
  readonly groups: Readonly<Record<number, number>>;
  readonly all?: { readonly uid: number; readonly gid: number };
}
