/** Removes runs under the lock of the store: each is whole until it is gone, whenever the process is killed. */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import type { Signing } from "../../config/settings/signing.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { fsyncDirectory, storeError } from "../../store/files/atomic.ts";
import { runDirectory, runsDirectory, stagingDirectory, trashDirectory } from "../../store/files/layout.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import { listFiles } from "../../store/run/checksums.ts";
import { repairLinks } from "../../store/run/publish.ts";
import { repairLastGood } from "../anomalies/last-good.ts";
import { recordRemovals, type RemovalEntry } from "../journals/removals.ts";
import { forgetRemoved, type StorePlace } from "../signing/memory.ts";
import { readProtections, type Protection } from "./protections.ts";

/** A run to remove that was protected after its removal was planned, and stays. */
export interface Spared {
  readonly run: string;
  readonly protection: Protection;
}

export interface RemovalOptions {
  readonly locks: StoreLocks;
  /** Signs the journal. */
  readonly signing: Signing | undefined;
  readonly signal: AbortSignal;
}

/**
 * Removes runs, oldest first: all are entered in the journal, moved into `.tmp/prune-<id>`, and deleted there. A crash
 * leaves each in `runs`, or for the next command to delete. Returns the runs that were protected meanwhile. Throws
 * `E_STORE`, `E_LOCKED`, and of a signed journal `E_SIGNATURE` and `E_SIGNING`.
 */
export async function removeRuns(
  place: StorePlace,
  entries: readonly RemovalEntry[],
  { locks, signing, signal }: RemovalOptions,
): Promise<Spared[]> {
  const { path: store } = place;
  try {
    signal.throwIfAborted();
    await locks.assertHeld();
    const protectionsOf = readProtections(store);
    const spared = entries.flatMap(({ run, incomplete }) => {
      const [protection] = incomplete ? [] : protectionsOf(run);
      return protection === undefined ? [] : [{ run, protection }];
    });
    const going = entries
      .filter(({ run }) => !spared.some((one) => one.run === run))
      .toSorted((a, b) => (a.run < b.run ? -1 : 1));
    if (going.length > 0) await moveAndDelete(place, going, { signing, signal });
    return spared;
  } catch (error) {
    signal.throwIfAborted();
    throw storeError("the runs cannot be removed", error);
  }
}

async function moveAndDelete(
  place: StorePlace,
  going: readonly RemovalEntry[],
  { signing, signal }: Omit<RemovalOptions, "locks">,
): Promise<void> {
  const { path: store } = place;
  const trash = trashDirectory(store, randomUUID());
  mkdirSync(trash, { mode: 0o700 });
  await recordRemovals(store, going, signing, signal);
  const moved = going.map((entry) => {
    const from = directoryOf(store, entry);
    const to = path.join(trash, path.basename(from));
    renameSync(from, to);
    return to;
  });
  for (const directory of [trash, path.dirname(trash), runsDirectory(store)]) await fsyncDirectory(directory);
  const published = going.flatMap(({ run, incomplete }) => (incomplete ? [] : [run]));
  await forgetRemoved(place, published); // what this host could not forget, the journal explains
  await repairLinks(store);
  await repairLastGood(store);
  for (const run of [...moved, trash]) {
    signal.throwIfAborted();
    removeTree(fromString(run));
  }
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
