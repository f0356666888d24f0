/** The files of a unit. */
import type { BytePath } from "../../../archive/entry.ts";
import type { UnitMetadata } from "../../../model/unit.ts";
import { entrySources, type UnitEntry } from "../../runs/unit-entries.ts";

export type FileEntry = Pick<UnitEntry, "type" | "size" | "mtime" | "content">;
/** By path on the site. */
export type Entries = ReadonlyMap<BytePath, FileEntry>;

/** Lists the files of a unit, the shards of a tree as one. */
export async function readEntries(
  directory: string,
  group: readonly UnitMetadata[],
  { contents, signal }: { readonly contents: boolean; readonly signal: AbortSignal },
): Promise<Entries> {
  const entries = new Map<BytePath, FileEntry>();
  for (const source of entrySources(directory, group, signal, { contents }))
    for (const { place, type, size, mtime, content } of await source.read())
      entries.set(place, { type, size, mtime, content });
  return entries;
}
