/** Compares the entries of archives with the current attributes of the same files on the site. */
import type { BytePath, Entry } from "../../../archive/entry.ts";

/** A file or directory as an archive records it. */
export interface Recorded {
  readonly entry: BytePath;
  /** Null if the archive or its list does not record them. */
  readonly mode: number | null;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: bigint;
  /** Null for a directory. */
  readonly sum: { readonly crc: number } | { readonly sha256: string } | null;
}

/** The attributes of lists without modes and owners. */
export const UNKNOWN = { mode: null, owner: null } as const;

/** Lists the changes of mode and owner, which restoring the archive would undo. */
export function attributeChanges(live: Entry, { mode, owner }: Recorded): string[] {
  return [
    ...(mode === null || live.mode === mode ? [] : [`has mode ${live.mode.toString(8)}, not ${mode.toString(8)}`]),
    ...(owner === null || (live.uid === owner.uid && live.gid === owner.gid)
      ? []
      : [`belongs to ${live.uid}:${live.gid}, not ${owner.uid}:${owner.gid}`]),
  ];
}
