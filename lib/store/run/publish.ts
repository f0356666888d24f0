/** Publishes a finished staging directory as a run: first durable, then visible, and the stable links last. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { STEP_NAMES } from "../../model/unit.ts";
import { fsyncDirectory } from "../files/atomic.ts";
import { syncTree } from "../files/sync.ts";
import { listRuns, runDirectory, runsDirectory, stagingDirectory } from "../files/layout.ts";
import { MANIFEST_FILE, readManifestHead } from "./manifest.ts";

/** The modes of a run, and the configured group. */
export interface RunPermissions {
  readonly directoryMode: number;
  readonly fileMode: number;
  readonly gid: number | undefined;
}

/**
 * Publishes the staging directory of `run`. Everything in it is on disk before it is visible; a crash at any point
 * leaves either no run or a whole one. `beforeRename` throws if the lock is no longer ours. Throws only if nothing was
 * published; the caller calls `finishPublishing` next.
 */
export async function publishRun(
  store: string,
  run: string,
  permissions: RunPermissions,
  { beforeRename, signal }: { beforeRename: () => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const staging = stagingDirectory(store, run);
  setModes(staging, permissions);
  await syncTree(staging, signal);
  await beforeRename();
  renameSync(staging, runDirectory(store, run));
}

/** Makes the name of the published run durable and swaps the links. A failure here does not undo the run. */
export async function finishPublishing(store: string): Promise<void> {
  await fsyncDirectory(runsDirectory(store));
  await repairLinks(store);
}

/**
 * Grants the group the root of the store and `runs/`, readable and searchable. Throws `E_STORE` if this user cannot do
 * that, before a run is made that the group could not reach.
 */
export function shareStore(store: string, { directoryMode, gid }: RunPermissions): void {
  if (gid === undefined) return;
  for (const directory of [store, runsDirectory(store)]) {
    const { mode, gid: found, uid } = statSync(directory);
    const wanted = (mode & 0o7777) | (directoryMode & 0o070);
    if (found === gid && (mode & 0o7777) === wanted) continue;
    try {
      chownSync(directory, uid, gid);
      chmodSync(directory, wanted);
    } catch (error) {
      throw new HoldfastError("E_STORE", `${directory} cannot be opened to the group of permissions.group`, {
        hint: `as root: chgrp ${gid} ${store} ${runsDirectory(store)} && chmod g+rx ${store} ${runsDirectory(store)}`,
        cause: error,
      });
    }
  }
}

/** Sets modes and group of what this run has made; what it has linked belongs to an earlier one. */
function setModes(directory: string, permissions: RunPermissions): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const inner = path.join(directory, entry.name);
    if (entry.isDirectory()) setModes(inner, permissions);
    else if (lstatSync(inner).nlink === 1) own(inner, permissions.fileMode, permissions.gid);
    else shareLinked(inner, permissions);
  }
  own(directory, permissions.directoryMode, permissions.gid);
}

/** Lets the group read an artifact of an earlier run with another group, unless another user owns it. */
function shareLinked(file: string, { fileMode, gid }: RunPermissions): void {
  const { uid, gid: found, mode } = lstatSync(file);
  const user = process.geteuid?.() ?? -1;
  if (gid === undefined || (found === gid && (mode & 0o040) !== 0) || (user !== 0 && user !== uid)) return;
  chownSync(file, uid, gid);
  chmodSync(file, (mode & 0o7777) | (fileMode & 0o040));
}

function own(file: string, mode: number, gid: number | undefined): void {
  chmodSync(file, mode);
  if (gid !== undefined) chownSync(file, process.geteuid?.() ?? -1, gid);
}

/** Returns the run that `latest` should name: the newest full backup without losses and with a readable manifest. */
export function findLatest(store: string): string | undefined {
  return listRuns(store)
    .toReversed()
    .find((run) => {
      try {
        const head = readManifestHead(runDirectory(store, run));
        return head.kind === "backup" && head.scope === "full" && head.losses.length === 0;
      } catch {
        return false; // verify names what is wrong with it
      }
    });
}

/** Repairs `latest` and the stable links at the root of the store; returns the links that were wrong. */
export async function repairLinks(store: string): Promise<string[]> {
  const latest = findLatest(store);
  const repaired: string[] = [];
  const newest = listRuns(store).at(-1);
  const links: [string, string | undefined][] = [
    ["last", newest === undefined ? undefined : `runs/${newest}`],
    ["latest", latest === undefined ? undefined : `runs/${latest}`],
  ];
  for (const name of [...STEP_NAMES, MANIFEST_FILE]) {
    const there =
      latest !== undefined &&
      lstatSync(path.join(runDirectory(store, latest), name), { throwIfNoEntry: false }) !== undefined;
    links.push([name, there ? `latest/${name}` : undefined]);
  }
  for (const [name, target] of links) {
    const link = path.join(store, name);
    if (linkTarget(link) === target) continue;
    if (target === undefined) rmSync(link);
    else swapLink(store, link, target);
    repaired.push(name);
  }
  if (repaired.length > 0) await fsyncDirectory(store);
  return repaired;
}

function linkTarget(link: string): string | undefined {
  const stat = lstatSync(link, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true ? readlinkSync(link) : undefined;
}

function swapLink(store: string, link: string, target: string): void {
  const fresh = path.join(store, ".tmp", `link-${process.pid}`);
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, link);
}
