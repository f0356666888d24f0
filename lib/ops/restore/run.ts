/**
 * Restores a run, or part of it, to a directory or in place.
 * The phases: plan → confirmation → lock → verify what is used → stage beside the target → compare → stop the service →
 * swap → migrate → start → health. Nothing of the target changes before the swap, and the swap can be rolled back.
 */
import { runDirectory } from "../../store/files/layout.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { assertNothingPending } from "../journals/pending.ts";
import { runsOf } from "../runs/borrowed-units.ts";
import { findRun } from "../runs/find-run.ts";
import { itemsOf, type ArchivePart } from "../runs/unit-items.ts";
import { requireNewest, requireTrusted, type TrustOptions } from "../signing/require-run.ts";
import { restoreInPlace } from "./in-place.ts";
import { openUnits } from "../sealed/plain-copy.ts";
import { beginRestore, rollBack, stageRestore, targetOf } from "./phases.ts";
import { locate, type PathLocation } from "./plan/paths/locate.ts";
import { findLacks } from "./plan/missing-units.ts";
import { ownedNow } from "./plan/owned.ts";
import type { RestoreRequest } from "./plan/request.ts";
import { selectUnits } from "./plan/select-units.ts";
import { prepareFor, previewRestore } from "./prepare.ts";
import type { RestorePreview } from "./preview.ts";
import { assertEmpty } from "./stage/assert-empty.ts";
import { closeDatabases } from "./swap/databases.ts";
import { RestorerPool } from "./swap/restorer-pool.ts";
import { removeTemporaries, swapIn } from "./swap/run.ts";
import { outcomeOf, type RestoreOptions, type RestoreOutcome, type Work } from "./work.ts";
import type { BytePath } from "../../archive/entry.ts";
import { join } from "../../archive/path.ts";

export type { RestoreRequest } from "./plan/request.ts";
export type { RestorePreview } from "./preview.ts";
export type { RestoreOptions, RestoreOutcome } from "./work.ts";

/**
 * Restores what is requested and returns the outcome.
 * Throws, with the target unchanged, `E_KEY`, `E_CONFIRM`, `E_LOCKED`, `E_PENDING`, `E_SIGNATURE`, `E_VERIFY` and `E_ARCHIVE`
 * for a damaged run, `E_NO_SPACE`, `E_TARGET`, `E_SCHEMA`, `E_SAFETY`, `E_RESTORE`, `E_INTERRUPTED`. After a crash, `endRestore`
 * continues from the journal in the store.
 */
export async function restore(request: RestoreRequest, options: RestoreOptions): Promise<RestoreOutcome> {
  const store = await findStore(request.store);
  const run = findRun(store.path, request.run);
  const unpins = [await pinRun(store.path, run, "restore")];
  try {
    const stored = runDirectory(store.path, run);
    await request.content?.documents(run);
    if (request.target.kind === "in-place") assertNothingPending(store.path);
    else assertEmpty(request.target.directory);
    const trust = trustOf(request, store.path, options);
    if (request.run !== run) await requireNewest(store, run, trust);
    await requireTrusted(store, run, trust);
    const lacks = findLacks(store.path, run, request);
    const selected = selectUnits(stored, request, lacks);
    for (const other of runsOf(selected)) {
      unpins.push(await pinRun(store.path, other, "restore"));
      await request.content?.documents(other);
      await requireTrusted(store, other, trust);
    }
    if (request.path === undefined) await request.content?.bring(run, selected);
    else await request.content?.bringDirectories(run, selected);
    const { directory, units, remove } = await openUnits(
      stored,
      selected,
      request.identitySource ?? {},
      options.signal,
    );
    unpins.push(remove);
    const pathLocation = request.path === undefined ? undefined : await locate(directory, request.path, options.signal);
    if (pathLocation !== undefined) await bringLocated(request, run, pathLocation);
    const items = itemsOf(directory, pathLocation === undefined ? units : []);
    const owned = await ownedNow(request.target, store.path, directory);
    const work = { request, options, store, run, directory, units, items, pathLocation, lacks, owned };
    const preview = await previewRestore(work);
    if (request.dryRun) return outcomeOf(work, preview, null, { kept: false });
    await options.confirm(preview);
    if (request.target.kind === "directory") return await restoreTo(work, preview);
    return await restoreInPlace(work, request.target.config, preview);
  } finally {
    for (const unpin of unpins) unpin();
  }
}

/** Brings what a path needs of the archives of which there is the directory alone. */
async function bringLocated({ content }: RestoreRequest, run: string, { parts, copies }: PathLocation): Promise<void> {
  for (const { part, entry } of parts)
    await content?.bringEntries(run, part.artifact, [entry, ...originalOf(part, entry)]);
  for (const { artifact } of copies) await content?.bringEntries(run, artifact, [""]);
}

/** Returns the entry of a bundle that holds what a page was before it was rewritten. */
const originalOf = ({ reserved }: ArchivePart, entry: BytePath): BytePath[] =>
  reserved === undefined ? [] : [join(reserved.original, entry)];
const trustOf = (
  { signing, allowUnsigned = false }: RestoreRequest,
  store: string,
  { report, signal }: RestoreOptions,
): TrustOptions => ({ signing: openSigning(signing, store), allowUnsigned, report, signal });

/** Restores to an empty directory: nothing is replaced, no lock is needed, and no command of the site runs. */
async function restoreTo(work: Work, preview: RestorePreview): Promise<RestoreOutcome> {
  const journal = await beginRestore(work);
  const prepared = await prepareFor(journal, work);
  const servers = new RestorerPool(targetOf(prepared.databases), work.options.signal);
  try {
    await stageRestore(journal, work, prepared);
    await swapIn(journal, servers, async () => work.options.signal.throwIfAborted());
    await removeTemporaries(journal, servers);
    await journal.enter("completed", { kept: false });
    return outcomeOf(work, preview, journal, {
      kept: false,
      notProved: ["application: it does not run in a directory"],
    });
  } catch (error) {
    throw await rollBack(journal, work, prepared.databases, error);
  } finally {
    await servers.close();
    await closeDatabases(prepared.databases);
  }
}
