/** Copies one run from another host: into a staging directory that a further pull goes on with. */
import { existsSync, linkSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { printable } from "../../report/printable.ts";
import { hashFile } from "../../store/files/hash.ts";
import { listRuns, runDirectory, stagingDirectory } from "../../store/files/layout.ts";
import type { HeldLocks } from "../../store/lock/store-locks.ts";
import type { Store } from "../../store/open.ts";
import { isRunPath, isSummed, listFiles, readSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { finishPublishing, publishRun } from "../../store/run/publish.ts";
import type { Place } from "../../targets/rsync/place/interface.ts";
import { transfer, type TransferContext } from "../../targets/rsync/transfer.ts";

export interface RunCopy {
  readonly place: Place;
  readonly run: string;
  /** The directory of the run there. */
  readonly directory: string;
  readonly store: Store;
  readonly locks: HeldLocks;
}

export interface PulledRun {
  readonly run: string;
  readonly files: number;
  /** Files that runs here had, and those that an earlier attempt had received. */
  readonly linked: number;
  readonly resumed: number;
  /** Bytes of content that were received. */
  readonly received_bytes: number;
}

/** A cut file is gone on with: it is compared piece by piece, and its digest at the end. */
const PARTIAL = ".partial~";
/** Only content and times are taken over; who may read it is decided here. */
const OPTIONS = ["--times", "--omit-dir-times", "--no-links", "--no-D", `--partial-dir=${PARTIAL}`];
const PERMISSIONS = { directoryMode: 0o750, fileMode: 0o640, gid: undefined };
const SHOWN = 5;

/** Copies and publishes a run. Throws `E_VERIFY` if what arrived is not what SHA256SUMS lists, `E_REMOTE`. */
export async function pullRun(copy: RunCopy, context: TransferContext): Promise<PulledRun> {
  const { run, store, locks } = copy;
  const staging = stagingDirectory(store.path, run);
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  let bytes = await receive(copy, [SUMS_FILE, SIGNATURE_FILE], context);
  const sums = readListed(staging, run);
  const resumed = await keepIntact(staging, sums, context.signal);
  const missing = [...sums.keys()].filter((file) => !resumed.has(file));
  const linked = linkFromRuns(store.path, staging, new Map(missing.map((file) => [file, sums.get(file) ?? ""])));
  const rest = missing.filter((file) => !linked.has(file));
  bytes += await receive(copy, rest, context);
  await assertArrived(staging, sums, rest, context.signal);
  assertOf(staging, run, store.site);
  await publishRun(store.path, run, PERMISSIONS, { beforeRename: locks.assertHeld, signal: context.signal });
  await finishPublishing(store.path);
  return { run, files: sums.size + 1, linked: linked.size, resumed: resumed.size, received_bytes: bytes };
}

/** Receives files of the run; those that the other side does not have are found missing later. */
async function receive(
  { place, directory, run, store }: RunCopy,
  files: readonly string[],
  context: TransferContext,
): Promise<number> {
  if (files.length === 0) return 0;
  const options = [...OPTIONS, "--ignore-missing-args"];
  const operands = [`${place.operand(directory)}/`, `${stagingDirectory(store.path, run)}/`];
  return (await transfer(place, { options, operands, files, receives: true }, context)).literal;
}

/** Returns what SHA256SUMS lists. Throws `E_VERIFY` if it is malformed or has a path that leads out of the run. */
function readListed(staging: string, run: string): Map<string, string> {
  const sums = readSums(staging);
  if (sums === undefined) throw new HoldfastError("E_VERIFY", `${run}/${SUMS_FILE} is missing or malformed`);
  for (const file of sums.keys())
    if (!isRunPath(file) || file.split("/").includes(PARTIAL))
      throw new HoldfastError("E_VERIFY", `${run}/${SUMS_FILE} lists ${printable(file)}, which is no path in a run`);
  return sums;
}

/** Removes what an earlier attempt left and is not listed or not intact; returns the others. */
async function keepIntact(
  staging: string,
  sums: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const name of listFiles(staging)) {
    const file = path.join(staging, name);
    if (!isSummed(name) || name.split("/").includes(PARTIAL)) continue;
    const isFile = lstatSync(file).isFile();
    if (isFile && sums.has(name) && (await hashFile(file, signal)).sha256 === sums.get(name)) kept.add(name);
    else rmSync(file);
  }
  return kept;
}

/** Links files that runs here have with the same path and digest; returns them. */
function linkFromRuns(store: string, staging: string, wanted: ReadonlyMap<string, string>): Set<string> {
  const linked = new Set<string>();
  for (const run of listRuns(store).toReversed()) {
    if (linked.size === wanted.size) break;
    const digests = readSums(runDirectory(store, run));
    for (const [file, sha256] of wanted) {
      if (linked.has(file) || digests?.get(file) !== sha256) continue;
      const earlier = path.join(runDirectory(store, run), file);
      if (lstatSync(earlier, { throwIfNoEntry: false })?.isFile() !== true) continue;
      mkdirSync(path.dirname(path.join(staging, file)), { recursive: true, mode: 0o700 });
      linkSync(earlier, path.join(staging, file));
      linked.add(file);
    }
  }
  return linked;
}

/**
 * Throws `E_VERIFY` unless the staging directory has exactly the listed files, and those that arrived their digests. What
 * is wrong is removed, so that the next pull receives it again.
 */
async function assertArrived(
  staging: string,
  sums: ReadonlyMap<string, string>,
  arrived: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const faults: string[] = [];
  for (const name of arrived) {
    const file = path.join(staging, name);
    if (!existsSync(file)) faults.push(`${name} is missing`);
    else if ((await hashFile(file, signal)).sha256 !== sums.get(name)) {
      faults.push(`${name} does not have its digest`);
      rmSync(file);
    }
  }
  if (faults.length > 0) {
    const more = faults.length > SHOWN ? `, and ${faults.length - SHOWN} more` : "";
    throw new HoldfastError("E_VERIFY", `${printable(faults.slice(0, SHOWN).join(", "))}${more}`);
  }
  for (const name of listFiles(staging)) if (!sums.has(name) && isSummed(name)) rmSync(path.join(staging, name));
}

/** Throws `E_VERIFY` for a run of another site, and for one under another run's name. */
function assertOf(staging: string, run: string, site: string): void {
  const head = readManifestHead(staging);
  if (head.run !== run || head.site !== site)
    throw new HoldfastError(
      "E_VERIFY",
      `it is the run ${printable(head.run)} of the site ${printable(head.site)}, under the name ${run}`,
    );
}
