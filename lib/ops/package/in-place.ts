/**
 * Restores a package in place: under the lock of the store, with a safety run, and with a journal to confirm, roll back
 * or recover it.
 */
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import type { DatabaseRestorer } from "../../database/restorer.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { openStore } from "../../store/open.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { temporaryNames } from "../restore/swap/databases.ts";
import { holdStoreLocks, type StoreLocks } from "../../store/lock/store-locks.ts";
import { assertNothingPending } from "../journals/pending.ts";
import { rollBackFailure } from "../restore/swap/fail.ts";
import { Journal } from "../journals/restore-journal.ts";
import type { Operation } from "../journals/operations.ts";
import { RestorerPool, type FindTarget } from "../restore/swap/restorer-pool.ts";
import { removeTemporaries, swapIn } from "../restore/swap/run.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";
import { makeSafetyRun } from "../safety/run.ts";
import { loadBeside, loadPortable, reloadDump, type LoadOutcome } from "./import-data.ts";
import type { OpenedPackage } from "./open.ts";
import { TreeStaging, type TreeTarget } from "./tree-targets.ts";
import type {
  InPlaceRequest,
  PackageOutcome,
  PackagePreview,
  PackageRestoreHooks,
  PackageRestoreRequest,
} from "./request.ts";
import { compareTrees, unpack, workDirectory } from "./stage.ts";
import { assertWritable } from "../../store/writable.ts";

interface Work {
  readonly opened: OpenedPackage;
  readonly request: PackageRestoreRequest;
  readonly inPlace: InPlaceRequest;
  readonly targets: readonly TreeTarget[];
  readonly preview: PackagePreview;
}

interface Running extends Work {
  readonly hooks: PackageRestoreHooks;
  readonly store: string;
  readonly lock: StoreLocks;
  readonly journal: Journal;
  readonly servers: RestorerPool;
  readonly stagings: readonly TreeStaging[];
}

/** The unit's name in the journal, if the data go into another than the configured database. */
const OTHER = "database";

/**
 * Restores in place. Throws, with everything unchanged, what a restore of a package throws, and `E_LOCKED`,
 * `E_PENDING`, `E_SAFETY`; `E_PENDING` if the rollback failed.
 */
export async function restoreInPlace(work: Work, hooks: PackageRestoreHooks): Promise<PackageOutcome> {
  const { request, inPlace } = work;
  const { config } = inPlace;
  const store = (await openStore(inPlace.store, config.site, { create: true, newStore: false })).path;
  assertWritable(store);
  const lock = await holdStoreLocks(store, {
    command: "restore",
    breakLock: inPlace.breakLock,
    lockFile: config.lock_file,
    signal: hooks.signal,
    report: hooks.report,
  });
  const { signal } = lock;
  try {
    assertNothingPending(store);
    const journal = await Journal.create(
      store,
      {
        site: config.site,
        run: path.basename(request.file),
        package: true,
        target: "in-place",
        selection: { database: inPlace.unit ?? (request.database === undefined ? null : true) },
        without_safety: inPlace.withoutSafety ?? null,
      },
      true,
      hooks.onStep,
    );
    const servers = new RestorerPool(targetOf(request.database), signal);
    const stagings = work.targets.map((target) => new TreeStaging(target, journal.document.restore));
    try {
      return await perform({ ...work, hooks: { ...hooks, signal }, store, lock, journal, servers, stagings });
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error;
      const failure = await rollBackFailure(journal, targetOf(request.database), undefined, reason);
      if (!journal.document.kept) for (const staging of stagings.toReversed()) staging.discard();
      throw failure;
    } finally {
      await servers.close();
    }
  } finally {
    await lock.release();
  }
}

const targetOf =
  (database: DatabaseTarget | undefined): FindTarget =>
  async () =>
    database ?? noDatabase();

function noDatabase(): never {
  throw new HoldfastError("E_INTERNAL", "the restore has no database");
}

async function perform(running: Running): Promise<PackageOutcome> {
  const { opened, request, preview, hooks, journal, servers, stagings } = running;
  const work = workDirectory();
  try {
    await journal.enter("restoring", { bases: stagings.map(({ base }) => fromString(base)) });
    for (const staging of stagings) staging.prepare();
    hooks.onPhase("unpacking");
    await unpack(opened, request, work, stagings, hooks.signal);
    const changed = await compareTrees(opened, stagings, hooks.signal);
    for (const staging of stagings.filter((one) => !changed.includes(one))) removeTree(fromString(staging.fresh));
    await journal.update({ operations: changed.map(({ operation }) => operation) });
    const data = (await importData(running, work)) ?? (await swap(running, null));
    const kept = changed.length > 0 || isChanged(data);
    if (!kept) await removeTemporaries(journal, servers);
    await journal.enter("completed", { kept, warnings: [...(data?.warnings ?? [])] });
    const trees = stagings.map((staging) => ({
      name: staging.target.name,
      to: staging.target.live,
      state: changed.includes(staging) ? ("restored" as const) : ("unchanged" as const),
      kept: pathExists(fromString(staging.aside)) ? staging.aside : null,
    }));
    const { restore, safety_run } = journal.document;
    return { preview, trees, data, beside: [], settings: opened.checks.settings, restore, safety_run, kept };
  } finally {
    removeTree(fromString(work));
  }
}

/** Swaps in the trees, and a database loaded beside its target. An abort waits for these renames. */
async function swap<T>({ hooks, lock, journal, servers }: Running, result: T): Promise<T> {
  hooks.signal.throwIfAborted();
  await lock.assertHeld();
  hooks.onPhase("swapping");
  await swapIn(journal, servers, async () => {});
  return result;
}

const isChanged = (data: LoadOutcome | null): boolean =>
  data !== null && (data.tables.length === 0 || data.tables.some(({ created, updated }) => created + updated > 0));

type Import = Extract<Operation, { kind: "import" }>;

/** Imports the data and swaps in the trees. Returns null, with the trees unchanged, if there are no data. */
async function importData(running: Running, directory: string): Promise<LoadOutcome | null> {
  const { opened, request, inPlace, hooks, journal, servers } = running;
  const { database: target } = request;
  const { signal } = hooks;
  if (target === undefined || opened.manifest.database === null) return null;
  const unit = inPlace.unit ?? OTHER;
  const { url } = target;
  const isDump = opened.manifest.database.kind === "dump";
  const restorer = await servers.find(unit, url);
  const { scratch, aside } = temporaryNames({ restorer, target }, journal.document.restore);
  const trees = journal.document.operations;
  if (isDump && restorer.exchanges) {
    hooks.onPhase("importing");
    await journal.update({ scratch_databases: [{ unit, url, name: scratch }] });
    const warnings = await loadBeside(restorer, opened, directory, scratch, signal);
    await journal.update({ operations: [{ kind: "exchange", unit, url, scratch, aside }, ...trees] });
    return await swap(running, { tables: [], warnings, aside });
  }
  const saved = await dumpExisting(running, restorer);
  const operation: Import = { kind: "import", unit, url, safety: saved.dump, scratch, aside, state: "none" };
  // The last operation is rolled back first; if that fails, the trees are left as they are.
  const enter = async (state: Import["state"]): Promise<void> =>
    await journal.update({ operations: [...trees, { ...operation, state }] });
  await enter("none");
  hooks.onPhase("importing");
  const load = {
    target,
    directory,
    dryRun: false,
    force: request.force,
    instance: request.instance,
    intoOther: request.intoOther,
    refine: request.refine,
    onRows: hooks.onRows,
    // The commit comes last: until then the transaction rolls back the rows, and a rename the trees.
    beforeChange: async () => {
      await swap(running, null);
      await enter("begun");
    },
  };
  const data = isDump ? await reloadDump(restorer, opened, load, signal) : await loadPortable(opened, load, signal);
  await enter("committed");
  return { ...data, warnings: [...saved.warnings, ...data.warnings] };
}

/**
 * Dumps the existing database into a safety run. Throws `E_SAFETY` if that fails, unless the operator gave a reason to
 * continue without.
 */
async function dumpExisting(
  { inPlace, store, lock, journal, hooks }: Running,
  restorer: DatabaseRestorer,
): Promise<{ readonly dump: string | null; readonly warnings: readonly string[] }> {
  const { unit, config, withoutSafety } = inPlace;
  const present = await restorer.present();
  if (withoutSafety !== undefined || present === undefined) return { dump: null, warnings: [] };
  if (unit === undefined) {
    if (present.tables === 0) return { dump: null, warnings: [] };
    throw new HoldfastError("E_SAFETY", "the database of --database is not the configured one, and holds tables", {
      hint: "restore into the configured one, or use --no-safety --reason TEXT",
    });
  }
  await journal.enter("pre_backup");
  hooks.onPhase("saving");
  const { signal } = hooks;
  const id = journal.document.restore;
  const run = await makeSafetyRun({ config, store, unit, command: "restore", id, locks: lock, signal });
  await journal.enter("restoring", { safety_run: run });
  const directory = runDirectory(store, run);
  const [artifact] = [...readStepMetadata(directory, "db")].flatMap(({ artifacts }) => artifacts);
  if (artifact === undefined) throw new HoldfastError("E_SAFETY", `the safety run ${run} holds no dump of ${unit}`);
  const dump = path.join(directory, artifact.path);
  const warnings = await restorer.check(dump, { restoreFlags: [] }).then(
    () => [],
    (error: unknown) => [`--rollback could not restore the database: ${asHoldfastError(error).message}`],
  );
  return { dump, warnings };
}
