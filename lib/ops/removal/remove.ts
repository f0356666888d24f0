/** Removes runs under the lock of the store: each is whole until it is gone, whenever the process is killed. */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { fsyncDirectory, storeError } from "../../store/files/atomic.ts";
import { runDirectory, runsDirectory, stagingDirectory, trashDirectory } from "../../store/files/layout.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import { listFiles } from "../../store/run/checksums.ts";
import { repairLinks } from "../../store/run/publish.ts";
import { recordRemoval, type RemovalEntry } from "./journal.ts";
import { readProtections, type Protection } from "./protections.ts";

/** A run to remove that was protected after its removal was planned, and stays. */
export interface Spared {
  readonly run: string;
  readonly protection: Protection;
}

/**
 * Removes runs, oldest first: each is entered in the journal, moved into `.tmp/prune-<id>` and deleted there. A crash
 * leaves it in `runs`, or for the next command to delete. Returns the runs that were protected meanwhile. Throws
 * `E_STORE`, `E_LOCKED`.
 */
export async function removeRuns(
  store: string,
  entries: readonly RemovalEntry[],
  { locks, signal }: { readonly locks: StoreLocks; readonly signal: AbortSignal },
): Promise<Spared[]> {
  const trash = trashDirectory(store, randomUUID());
  const spared: Spared[] = [];
  try {
    for (const entry of entries.toSorted((a, b) => (a.run < b.run ? -1 : 1))) {
      signal.throwIfAborted();
      await locks.assertHeld();
      const [protection] = entry.incomplete ? [] : readProtections(store)(entry.run);
      if (protection === undefined) await removeRun(store, entry, trash);
      else spared.push({ run: entry.run, protection });
    }
    removeTree(fromString(trash));
    if (entries.length > 0) await repairLinks(store);
  } catch (error) {
    signal.throwIfAborted();
    throw storeError("the runs cannot be removed", error);
  }
  return spared;
}

async function removeRun(store: string, entry: RemovalEntry, trash: string): Promise<void> {
  const from = directoryOf(store, entry);
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  recordRemoval(store, entry);
  const to = path.join(trash, path.basename(from));
  renameSync(from, to);
  for (const directory of [trash, path.dirname(trash), runsDirectory(store)]) await fsyncDirectory(directory);
  removeTree(fromString(to));
}

/** Returns the bytes that the removal of runs frees: those of files that no other run shares. */
export function bytesFreedBy(store: string, entries: readonly Pick<RemovalEntry, "run" | "incomplete">[]): number {
  const links = new Map<string, number>();
  let freed = 0;
  for (const entry of entries) {
    const directory = directoryOf(store, entry);
    for (const file of listFiles(directory)) {
      const { dev, ino, nlink, size } = lstatSync(path.join(directory, file));
      const found = (links.get(`${dev}:${ino}`) ?? 0) + 1;
      links.set(`${dev}:${ino}`, found);
      if (found === nlink) freed += size;
    }
  }
  return freed;
}

const directoryOf = (store: string, { run, incomplete }: Pick<RemovalEntry, "run" | "incomplete">): string =>
  incomplete ? stagingDirectory(store, run) : runDirectory(store, run);
