/** Entries of archives, compared with the attributes that they have on the site now. */
import type { BytePath, Entry } from "../../../archive/entry.ts";

/** A file or directory as an archive has it. */
export interface Recorded {
  readonly entry: BytePath;
  /** Null where the archive or its list does not have them. */
  readonly mode: number | null;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: bigint;
  /** Null: a directory. */
  readonly sum: { readonly crc: number } | { readonly sha256: string } | null;
}

/** Of lists without modes and owners. */
export const UNKNOWN = { mode: null, owner: null } as const;

/** Changes of mode and owner; an archive that is restored brings back the earlier ones. */
export function attributeChanges(live: Entry, { mode, owner }: Recorded): string[] {
  return [
    ...(mode === null || live.mode === mode ? [] : [`has mode ${live.mode.toString(8)}, not ${mode.toString(8)}`]),
    ...(owner === null || (live.uid === owner.uid && live.gid === owner.gid)
      ? []
      : [`belongs to ${live.uid}:${live.gid}, not ${owner.uid}:${owner.gid}`]),
  ];
}
