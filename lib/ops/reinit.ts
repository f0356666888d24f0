/**
 * Clears what users made: plan → confirmation → lock → safety backup, verified → one transaction, storage directories moved aside in it → commit →
 * the administrator by the site's own command. Whatever fails, the database and the directories are as they were.
 */
import { existsSync } from "node:fs";
import type { SiteConfig } from "../config/load.ts";
import { databasePassword } from "../config/secrets.ts";
import type { DatabaseTarget } from "../database/engine.ts";
import { describeUrl, locateSqlite } from "../database/open.ts";
import { asHoldfastError, HoldfastError } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import type { Report } from "../model/event.ts";
import { connect } from "../portable/connect.ts";
import type { Connection, ConnectionMode } from "../portable/connection.ts";
import { clearTables, refuseStranded, resetCounters } from "../portable/reinit/clear.ts";
import { planReinit, rowsToClear, type ReinitPlan, type ReinitRules } from "../portable/reinit/plan.ts";
import { databases, type NamedDatabase } from "../steps/db.ts";
import { nextRunId } from "../store/layout.ts";
import { openStore } from "../store/open.ts";
import { refusePending, takeLock } from "./restore/frame.ts";
import { service, workingDirectory } from "./restore/after.ts";
import { ReinitJournal } from "./reinit/journal.ts";
import { makeSafetyRun } from "./safety-run.ts";
import { moveAside, moveBack, planMoves, type Move } from "./reinit/storage.ts";
import { bringBack, differences, keepCleared } from "./reinit/undo.ts";

export interface ReinitRequest {
  readonly config: SiteConfig;
  /** Path of the store. */
  readonly store: string;
  readonly dryRun: boolean;
}

export interface ReinitPreview {
  readonly site: string;
  readonly unit: string;
  readonly plan: ReinitPlan;
  readonly moves: readonly Move[];
  readonly adminCommand: readonly string[] | undefined;
}

export interface ReinitOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Is shown the plan; throws `E_CONFIRM` when it is not to be done. */
  readonly confirm: (preview: ReinitPreview) => Promise<void>;
  readonly onPhase: (phase: string) => void;
}

export interface ReinitOutcome {
  /** Null: a dry run. */
  readonly reinit: string | null;
  readonly safetyRun: string | null;
  readonly preview: ReinitPreview;
  readonly rows: number;
  readonly warnings: readonly string[];
}

/**
 * Throws, with everything as it was, `E_CONFIG`, `E_TARGET` for rows that stay and lead to rows that go, `E_CONFIRM`, `E_LOCKED`, `E_PENDING`, `E_SAFETY`,
 * `E_DATABASE`, `E_COMMAND` for an administrator that could not be made, `E_INTERRUPTED`. After a crash `recoverReinit` ends it.
 */
export async function reinit(request: ReinitRequest, options: ReinitOptions): Promise<ReinitOutcome> {
  const { config } = request;
  const database = databaseOf(config);
  const id = nextRunId(new Date(), undefined);
  const preview = await previewOf(request, database, id, options.signal);
  if (request.dryRun) return { reinit: null, safetyRun: null, preview, rows: rowsToClear(preview.plan), warnings: [] };
  refuseStranded(preview.plan);
  await options.confirm(preview);
  const store = (await openStore(request.store, config.site, { create: true, newStore: false })).path;
  const held = await hold(store, config, options);
  let journal: ReinitJournal | undefined;
  try {
    refusePending(store);
    options.onPhase("saving");
    const { signal } = held;
    const safety = { config, store, unit: database.unit, command: "reinit", id, locks: held.locks, signal } as const;
    const safetyRun = await makeSafetyRun(safety);
    await held.assertHeld();
    journal = await ReinitJournal.create(store, {
      reinit: id,
      site: config.site,
      unit: database.unit,
      safety_run: safetyRun,
      rows: rowsToClear(preview.plan),
      moves: [...preview.moves],
    });
    options.onPhase("clearing");
    await service(config, "stop", signal);
    const cleared = await clear(journal, database, config, held);
    options.onPhase("finishing");
    await makeAdmin(config, signal);
    await service(config, "start", signal);
    await journal.enter("completed");
    return { reinit: id, safetyRun, preview, ...cleared };
  } catch (error) {
    const failure: unknown = held.signal.aborted ? held.signal.reason : error;
    throw journal === undefined ? failure : await takeBack(journal, config, options.report, failure);
  } finally {
    await held.release();
  }
}

/** Ends a reinit that was cut off: finishes one that was committed, takes back any other. Throws `E_RUN_UNKNOWN` when there is none. */
export async function recoverReinit(
  request: Pick<ReinitRequest, "config" | "store">,
  options: Pick<ReinitOptions, "signal" | "report">,
): Promise<{ readonly reinit: string; readonly phase: "completed" | "taken back" }> {
  const { config } = request;
  const store = (await openStore(request.store, config.site, { create: false, newStore: false })).path;
  const held = await hold(store, config, options);
  try {
    const journal = ReinitJournal.pending(store);
    if (journal === undefined)
      throw new HoldfastError("E_RUN_UNKNOWN", "no reinit was cut off", { hint: "there is nothing to recover" });
    const { record } = journal;
    if (record.phase === "undoing" || !(await isCommitted(journal, config, held.signal))) {
      const failed = new HoldfastError("E_INTERRUPTED", "the reinit was cut off");
      const left = await takeBack(journal, config, options.report, failed);
      if (left !== failed) throw left;
      return { reinit: record.reinit, phase: "taken back" };
    }
    try {
      await journal.enter("cleared");
      await makeAdmin(config, held.signal);
      await service(config, "start", held.signal);
      await journal.enter("completed");
      return { reinit: record.reinit, phase: "completed" };
    } catch (error) {
      throw await takeBack(journal, config, options.report, error);
    }
  } finally {
    await held.release();
  }
}

type Held = Awaited<ReturnType<typeof hold>>;

async function hold(store: string, config: SiteConfig, options: Pick<ReinitOptions, "signal" | "report">) {
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const lock = await takeLock(store, { breakLock: false }, config, {
    signal,
    report: options.report,
    onLost: (error) => lost.abort(error),
  });
  return { ...lock, signal };
}

/** The database the config names first. */
function databaseOf(config: SiteConfig): NamedDatabase {
  const [first] = databases(config);
  if (first === undefined)
    throw new HoldfastError("E_CONFIG", "the config has no database", { hint: "name it under database" });
  if (config.exec_prefix.length > 0)
    throw new HoldfastError("E_CONFIG", "a reinit goes through the database's own protocol, not through exec_prefix", {
      hint: "run it where the database can be reached",
    });
  return first;
}

async function previewOf(
  { config, store }: ReinitRequest,
  database: NamedDatabase,
  id: string,
  signal: AbortSignal,
): Promise<ReinitPreview> {
  const settings = config.portable?.reinit;
  const plan = await using(config, database, "read", signal, async (on) => await planReinit(on, rulesOf(config)));
  const files = databases(config).flatMap(({ settings: { url } }) => {
    const location = describeUrl(url);
    return location.engine === "sqlite" ? [locateSqlite(location, config.root)] : [];
  });
  const moves = planMoves(config.root, settings?.storage ?? [], id, [config.root, store, config.file, ...files]);
  return { site: config.site, unit: database.unit, plan, moves, adminCommand: settings?.admin_command };
}

export const rulesOf = ({ portable }: SiteConfig): ReinitRules => ({
  keys: portable?.keys ?? {},
  keep: portable?.reinit?.keep ?? [],
  keepRows: portable?.reinit?.keep_rows ?? {},
});

/** The commit comes last: until then everything goes back by itself, or by a rename. */
async function clear(
  journal: ReinitJournal,
  database: NamedDatabase,
  config: SiteConfig,
  { assertHeld, signal }: Held,
): Promise<{ rows: number; warnings: readonly string[] }> {
  return await using(config, database, "write", signal, async (connection) => {
    const { plan, warnings } = await clearTables(connection, rulesOf(config), {
      signal,
      before: async (found) => await keepCleared(connection, found, rulesOf(config), journal.kept),
    });
    await moveAside(journal.record.moves);
    await assertHeld();
    signal.throwIfAborted();
    await journal.enter("committing");
    await connection.run("commit");
    await journal.enter("cleared");
    const counters = await resetCounters(connection, plan);
    return { rows: rowsToClear(plan), warnings: [...plan.warnings, ...warnings, ...counters] };
  });
}

async function makeAdmin(config: SiteConfig, signal: AbortSignal): Promise<void> {
  const argv = config.portable?.reinit?.admin_command;
  if (argv === undefined) return;
  await runCommand([...config.exec_prefix, ...argv], { signal, cwd: workingDirectory(config) });
}

/** Gives the error to throw: the failure itself where all is as it was, else `E_PENDING`. */
async function takeBack(
  journal: ReinitJournal,
  config: SiteConfig,
  report: Report,
  failure: unknown,
): Promise<unknown> {
  // The signal that ended the reinit must not end the way back.
  const { signal } = new AbortController();
  try {
    const note = (text: string): void => report({ type: "note", level: "warning", text });
    if (await isCommitted(journal, config, signal)) {
      await journal.enter("undoing");
      if (existsSync(journal.kept)) await undo(journal, config, signal, note);
    }
    for (const place of await moveBack(journal.record.moves)) note(`what was written in the meantime is in ${place}`);
    await service(config, "start", signal).catch((error: unknown) =>
      note(`the service does not start: ${asHoldfastError(error).message}`),
    );
    await journal.enter("taken back");
    return failure;
  } catch (second) {
    const [first, then] = [asHoldfastError(failure).message, asHoldfastError(second).message];
    return new HoldfastError("E_PENDING", `the reinit failed (${first}), and taking it back failed too: ${then}`, {
      hint: `correct the cause, then reinit.ts --recover; the safety backup is ${journal.record.safety_run}`,
      cause: second,
    });
  }
}

async function undo(
  { kept }: ReinitJournal,
  config: SiteConfig,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  const database = databaseOf(config);
  await using(config, database, "write", signal, async (on) => await bringBack(on, rulesOf(config), kept, signal));
  for (const text of await using(config, database, "read", signal, async (on) => await differences(on, kept, signal)))
    note(text);
}

/** Where the record cannot say it, the database can: of what was to go nearly all is there, or nearly nothing. */
async function isCommitted({ record }: ReinitJournal, config: SiteConfig, signal: AbortSignal): Promise<boolean> {
  if (record.phase === "clearing") return false;
  if (record.phase !== "committing") return true;
  const plan = await using(
    config,
    databaseOf(config),
    "read",
    signal,
    async (on) => await planReinit(on, rulesOf(config)),
  );
  return rowsToClear(plan) * 2 < record.rows;
}

async function using<T>(
  config: SiteConfig,
  { settings }: NamedDatabase,
  mode: ConnectionMode,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const password = await databasePassword(config, settings, signal);
  const target: DatabaseTarget = {
    url: settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
  const connection = await connect(target, mode, signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
