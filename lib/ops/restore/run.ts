/**
 * Restores a run, or part of it, to a directory or in place.
 * The phases: plan → confirmation → lock → verify what is used → stage beside the target → compare → stop the service →
 * swap → migrate → start → health. Nothing of the target changes before the swap, and the swap can be rolled back.
 */
import { isBelow } from "../../archive/path.ts";
import type { BytePath } from "../../archive/entry.ts";
import { HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Report } from "../../model/event.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { findRun } from "../runs/find-run.ts";
import { migrate, rebuildProjects, service, smoke } from "../site/commands.ts";
import {
  closeDatabases,
  compareWithRecord,
  databasePlaces,
  loadDatabases,
  openDatabases,
  fileOf,
  type PlannedDatabase,
} from "./swap/databases.ts";
import { isOnServer, itemsOf, type RestoreItems } from "../runs/unit-items.ts";
import { describe, rollBackFailure } from "./swap/fail.ts";
import { Journal, newRestoreId } from "../journals/restore-journal.ts";
import type { Operation } from "../journals/operations.ts";
import { runsOf } from "../runs/borrowed-units.ts";
import { locate, type PathLocation } from "./plan/locate-path.ts";
import { findLacks, type Lack } from "./plan/missing-units.ts";
import { assertEmpty } from "./stage/assert-empty.ts";
import { acquireStoreLocks } from "../../store/lock/store-locks.ts";
import { assertNothingPending } from "../journals/pending.ts";
import { ownedNow } from "./plan/owned.ts";
import { planRestore, type RestorePlan } from "./plan/planner.ts";
import { checkSpace } from "./plan/space.ts";
import type { RestoreRequest } from "./plan/request.ts";
import { backUpTarget } from "./safety-dump.ts";
import { stage } from "./stage/run.ts";
import { previewOf, type RestorePreview } from "./preview.ts";
import { removeTemporaries, swapIn } from "./swap/run.ts";
import { RestorerPool, type FindTarget } from "./swap/restorer-pool.ts";
import { start } from "./swap/roll-back.ts";
import type { OnStep } from "../journals/on-step.ts";
import { selectUnits } from "./plan/select-units.ts";
import { verifyArtifacts, verifyFiles } from "./stage/verify-artifacts.ts";
import { assertWritable } from "../../store/writable.ts";

export type { RestoreRequest } from "./plan/request.ts";
export type { RestorePreview } from "./preview.ts";

export interface RestoreOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Called with the plan of an in-place restore; throws `E_CONFIRM` to cancel it. */
  readonly confirm: (preview: RestorePreview) => Promise<void>;
  /** Called with each phase, and with progress within it. */
  readonly onPhase: (phase: string) => void;
  /** Called with the bytes of the phase done so far, and their approximate total. */
  readonly onBytes?: (done: number, total: number) => void;
  readonly onStep?: OnStep;
}

export interface RestoreOutcome {
  readonly restore: string | null;
  readonly run: string;
  readonly preview: RestorePreview;
  readonly warnings: readonly string[];
  readonly by_hand: readonly string[];
  /** Units that the run lacks and that were not restored. */
  readonly missing: RestorePreview["missing"];
  /** Units that the run lacks and that were taken from an earlier run. */
  readonly completed: RestorePreview["completed"];
  /** Checks that could not run, such as a smoke command that is not configured. */
  readonly not_proved: readonly string[];
  /** True if what was replaced is kept until the restore is confirmed. */
  readonly kept: boolean;
}

/**
 * Restores what is requested and returns the outcome.
 * Throws, with the target unchanged, `E_CONFIRM`, `E_LOCKED`, `E_PENDING`, `E_VERIFY` and `E_ARCHIVE` for a damaged
 * run, `E_NO_SPACE`, `E_TARGET`, `E_SCHEMA`, `E_SAFETY`, `E_RESTORE`, `E_INTERRUPTED`. After a crash, `endRestore`
 * continues from the journal in the store.
 */
export async function restore(request: RestoreRequest, options: RestoreOptions): Promise<RestoreOutcome> {
  const store = await findStore(request.store);
  const run = findRun(store.path, request.run);
  const unpins = [await pinRun(store.path, run, "restore")];
  try {
    const directory = runDirectory(store.path, run);
    if (request.target.kind === "in-place") assertNothingPending(store.path);
    else assertEmpty(request.target.directory);
    const lacks = findLacks(store.path, run, request);
    const units = selectUnits(directory, request, lacks);
    for (const other of runsOf(units)) unpins.push(await pinRun(store.path, other, "restore"));
    const pathLocation = request.path === undefined ? undefined : await locate(directory, request.path, options.signal);
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

interface Work {
  readonly request: RestoreRequest;
  readonly options: RestoreOptions;
  readonly store: { readonly path: string; readonly site: string };
  readonly run: string;
  readonly directory: string;
  /** The selected units; a restore never changes a run. */
  readonly units: readonly UnitMetadata[];
  /** The items of the units; empty if a path is requested. */
  readonly items: RestoreItems;
  readonly pathLocation: PathLocation | undefined;
  readonly lacks: readonly Lack[];
  readonly owned: readonly BytePath[];
}

interface Prepared {
  readonly plan: RestorePlan;
  readonly databases: readonly PlannedDatabase[];
  readonly units: readonly UnitMetadata[];
}

/** Computes the current plan. The databases are open; the caller closes them. */
async function prepare(work: Work, id: string): Promise<Prepared> {
  const { request, options, directory, units, items, pathLocation, lacks, owned } = work;
  const absent = request.complete === true ? [] : lacks.flatMap(({ copies }) => copies);
  let places = await databasePlaces(request, items.databases, options.signal);
  const planWith = (): RestorePlan =>
    planRestore(directory, request, {
      id,
      items,
      units: pathLocation === undefined ? units : [],
      loaded: new Set(places.map(({ item }) => item.unit)),
      absent,
      owned,
      ...(pathLocation === undefined ? {} : { pathLocation }),
    });
  let plan = planWith();
  // A database file inside a replaced tree is restored with that tree; a separate exchange would happen in the old
  // tree.
  for (let rest = outsideOf(plan, places); rest.length < places.length; rest = outsideOf(plan, places)) {
    places = rest;
    plan = planWith();
  }
  // Verifies the dumps first: the error of a server on a damaged dump would look like a fault of the server.
  const dumps = places.map(({ item }) => item.artifact);
  await verifyFiles(directory, dumps, new Map(), options.signal);
  const databases = await openDatabases(request, directory, places, options.signal);
  return { plan, databases, units };
}

const outsideOf = <T extends Pick<PlannedDatabase, "item" | "target">>(plan: RestorePlan, places: readonly T[]): T[] =>
  places.filter(({ item, target }) => {
    if (isOnServer(item)) return true;
    const file = plan.targets.real(fileOf(target));
    return !plan.targets.swaps.some(({ live }) => isBelow(file, live));
  });

async function previewRestore(work: Work): Promise<RestorePreview> {
  const prepared = await prepare(work, newRestoreId(work.store.path));
  try {
    return previewOf(work.run, work.request, prepared.plan, prepared.databases, work.lacks);
  } finally {
    await closeDatabases(prepared.databases);
  }
}

async function begin({ request, store, run, options }: Work): Promise<Journal> {
  const { target, steps, units, path, database, rebuild, migrate: migrates } = request;
  return await Journal.create(
    store.path,
    {
      site: store.site,
      run,
      target: target.kind === "in-place" ? "in-place" : target.directory,
      selection: {
        steps,
        units,
        path: path ?? null,
        database: database === undefined ? null : true,
        rebuild,
        migrate: migrates,
        complete: request.complete === true,
      },
      without_safety: request.withoutSafety ?? null,
    },
    target.kind === "in-place",
    options.onStep,
  );
}

/** Restores to an empty directory: nothing is replaced, no lock is needed, and no command of the site runs. */
async function restoreTo(work: Work, preview: RestorePreview): Promise<RestoreOutcome> {
  const journal = await begin(work);
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
    throw await failed(journal, work, prepared.databases, error);
  } finally {
    await servers.close();
    await closeDatabases(prepared.databases);
  }
}

async function restoreInPlace(work: Work, config: SiteConfig, preview: RestorePreview): Promise<RestoreOutcome> {
  const { request, options, store } = work;
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const held: Work = { ...work, options: { ...options, signal } };
  assertWritable(store.path);
  const lock = await acquireStoreLocks(store.path, {
    command: "restore",
    breakLock: request.breakLock,
    lockFile: config?.lock_file,
    signal: held.options.signal,
    report: held.options.report,
    onLost: (error) => lost.abort(error),
  });
  try {
    assertNothingPending(store.path);
    const journal = await begin(held);
    const prepared = await prepareFor(journal, held);
    const servers = new RestorerPool(targetOf(prepared.databases), signal);
    try {
      await stageRestore(journal, held, prepared);
      await lock.assertHeld();
      await stopService(journal, config, signal);
      await backUpTarget(journal, {
        request,
        config,
        databases: prepared.databases,
        locks: lock,
        options: held.options,
      });
      await lock.assertHeld();
      options.onPhase("swapping");
      await swapIn(journal, servers, async () => signal.throwIfAborted());
      for (const database of prepared.databases) await compareWithRecord(database, database.restorer.live);
      const notProved = await finish(journal, held, config, prepared);
      return outcomeOf(held, preview, journal, { kept: true, notProved });
    } catch (error) {
      throw await failed(journal, held, prepared.databases, error, config);
    } finally {
      await servers.close();
      await closeDatabases(prepared.databases);
    }
  } finally {
    await lock.release();
  }
}

async function prepareFor(journal: Journal, work: Work): Promise<Prepared> {
  try {
    return await prepare(work, journal.document.restore);
  } catch (error) {
    await journal.enter("failed", { error: describe(error) });
    throw error;
  }
}

/** Verifies what will be used, stages all of it beside the target, and compares it with the record. */
async function stageRestore(journal: Journal, work: Work, { plan, databases, units }: Prepared): Promise<void> {
  const { options, request, directory } = work;
  options.onPhase("verifying");
  const used = request.path === undefined ? units : [];
  await verifyArtifacts(directory, used, plan, options.signal);
  checkSpace(plan);
  await journal.enter("restoring", { bases: [...plan.targets.bases], by_hand: [...plan.byHand] });
  options.onPhase("unpacking");
  await stage(plan, {
    signal: options.signal,
    workers: request.workers,
    onBytes: (done) => options.onBytes?.(done, plan.bytes),
  });
  options.onPhase("loading");
  const loads = await loadDatabases(directory, databases, journal, {
    restoreFlags: request.restoreFlags,
    onBytes: () => {},
  });
  const operations: Operation[] = [
    ...loads.filter(({ kind }) => kind === "reload"),
    ...plan.operations,
    ...loads.filter(({ kind }) => kind === "exchange"),
  ];
  const older = request.migrate ? databases.filter(({ schema }) => schema.state === "older") : [];
  const projects = units.filter(({ step }) => step === "source_exports").flatMap(({ project }) => project ?? []);
  await journal.update({
    operations,
    migrate: older.map(({ item }) => item.unit),
    rebuild: request.rebuild ? projects : [],
    warnings: databases.flatMap((one) => one.warnings),
  });
}

async function stopService(journal: Journal, config: SiteConfig, signal: AbortSignal): Promise<void> {
  if (config.health?.service === undefined) return;
  await journal.update({ service_stopped: true });
  journal.step({ action: "command", object: "stop" });
  await service(config, "stop", signal);
}

/** Runs migrations, compilation, the service and the smoke command; returns what could not be verified. */
async function finish(journal: Journal, work: Work, config: SiteConfig, prepared: Prepared): Promise<string[]> {
  const { options } = work;
  const notProved: string[] = [];
  await journal.enter("migrating");
  const { migrate: older, rebuild } = journal.document;
  if (older.length > 0) {
    options.onPhase("migrating");
    for (const unit of await migrate(config, older, options.signal))
      notProved.push(`schema of ${unit}: it is older than the code, and database.migrate is not configured`);
  }
  for (const { item, schema } of prepared.databases) {
    if (schema.state === "older" && !older.includes(item.unit))
      notProved.push(`schema of ${item.unit}: it is older than the code, and --no-migrate was given`);
    if (schema.state === "unknown")
      notProved.push(`schema of ${item.unit}: the migrations that the code expects are unknown`);
  }
  if (rebuild.length > 0) {
    options.onPhase("compiling");
    await rebuildProjects(config, rebuild, options.signal);
  }
  await start(journal, config, options.signal);
  options.onPhase("checking");
  if (!(await smoke(config, options.signal)))
    notProved.push("application: no smoke command is configured (health.smoke)");
  await journal.enter("completed");
  return notProved;
}

/** Finds the database of a unit for a pool whose signal outlives the restore's own. */
const targetOf =
  (databases: readonly PlannedDatabase[]): FindTarget =>
  async (unit) => {
    const found = databases.find(({ item }) => item.unit === unit);
    if (found === undefined) throw new HoldfastError("E_INTERNAL", `the database ${unit} is not open`);
    return found.target;
  };

async function failed(
  journal: Journal,
  { options }: Work,
  databases: readonly PlannedDatabase[],
  failure: unknown,
  config?: SiteConfig,
): Promise<unknown> {
  if (journal.document.swap !== "none") options.onPhase("rolling back");
  const error: unknown = options.signal.aborted ? options.signal.reason : failure;
  return await rollBackFailure(journal, targetOf(databases), config, error);
}

const outcomeOf = (
  { run }: Work,
  preview: RestorePreview,
  journal: Journal | null,
  { kept, notProved = [] }: { kept: boolean; notProved?: readonly string[] },
): RestoreOutcome => ({
  restore: journal?.document.restore ?? null,
  run,
  preview,
  warnings: journal?.document.warnings ?? [],
  by_hand: preview.by_hand,
  missing: preview.missing,
  completed: preview.completed,
  not_proved: notProved,
  kept,
});
