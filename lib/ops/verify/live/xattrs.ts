/** Compares the extended attributes that an archive records with those of the same files on the site. */
import path from "node:path";
import type { BytePath, Xattrs } from "../../../archive/entry.ts";
import { verifyTgz } from "../../../archive/tar/tgz-reader.ts";
import { readSidecar } from "../../../archive/xattrs/sidecar.ts";
import { comparable, differXattrs, treeXattrs } from "../../checks/xattrs.ts";
import type { ArchivePart } from "../../runs/unit-items.ts";

export interface LivePart {
  readonly run: string;
  readonly part: ArchivePart;
  /** Live roots of the part. */
  readonly roots: readonly BytePath[];
  /** Returns the path of an entry on the site. */
  readonly liveOf: (entry: BytePath) => BytePath | undefined;
  /** The entries of the archive. */
  readonly entries: Iterable<BytePath>;
}

/** Returns the live paths of entries whose attributes are not those in the archive. */
export async function changedXattrs(live: LivePart, signal: AbortSignal): Promise<BytePath[]> {
  const recorded = await recordedXattrs(live, signal);
  const found = await treeXattrs(live.roots, signal);
  return [...new Set([...live.entries, ...recorded.keys()])].flatMap((entry) => {
    const absolute = live.liveOf(entry);
    if (absolute === undefined) return [];
    const own = recorded.get(entry);
    return differXattrs(comparable(found.get(absolute), own), own) ? [absolute] : [];
  });
}

async function recordedXattrs(
  { run, part: { artifact, sidecar, format, xattrs } }: LivePart,
  signal: AbortSignal,
): Promise<ReadonlyMap<BytePath, Xattrs>> {
  if (sidecar !== undefined) return readSidecar(path.join(run, sidecar));
  const found = new Map<BytePath, Xattrs>();
  if (format === "zip" || !xattrs) return found;
  await verifyTgz(
    path.join(run, artifact),
    ({ path: entry, xattrs: own }) => own !== undefined && found.set(entry, own),
    signal,
  );
  return found;
}
