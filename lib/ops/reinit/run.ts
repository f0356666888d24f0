/**
 * Clears what users created.
 * The phases: plan → confirmation → lock → safety backup, verified → one transaction, in which storage directories are
 * renamed → commit → the administrator by the site's own command. After a failure the database and the directories are
 * as before.
 */
import type { SiteConfig } from "../../config/load.ts";
import { engineOfUrl } from "../../database/engines/registry.ts";
import type { Report } from "../../model/event.ts";
import { clearTables, assertNothingStranded, resetCounters } from "../../portable/reinit/clear.ts";
import { planReinit, rowsToClear, type ReinitPlan } from "../../portable/reinit/plan.ts";
import { databases, type NamedDatabase } from "../../steps/db/databases.ts";
import { openStore } from "../../store/open.ts";
import { databaseOf, rulesOf, using } from "./connection.ts";
import { finish, takeBack } from "./end.ts";
import { hold } from "./hold.ts";
import type { HeldLocks } from "../../store/lock/store-locks.ts";
import { nextReinitId, ReinitJournal } from "../journals/reinit-journal.ts";
import { moveAside, planMoves, type Move } from "./storage.ts";
import { exportClearedRows } from "./roll-back.ts";
import { service } from "../site/commands.ts";
import { assertNothingPending } from "../journals/pending.ts";
import { makeSafetyRun } from "../safety/run.ts";
import type { OnStep } from "../journals/on-step.ts";

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
  /** Called with the plan; throws `E_CONFIRM` to cancel it. */
  readonly confirm: (preview: ReinitPreview) => Promise<void>;
  readonly onPhase: (phase: string) => void;
  readonly onStep?: OnStep;
}

export interface ReinitOutcome {
  /** Null for a dry run. */
  readonly reinit: string | null;
  readonly safetyRun: string | null;
  readonly preview: ReinitPreview;
  readonly rows: number;
  readonly warnings: readonly string[];
}

/**
 * Runs a reinit. Throws, with everything unchanged, `E_CONFIG`, `E_TARGET` for kept rows that reference cleared ones,
 * `E_CONFIRM`, `E_LOCKED`, `E_PENDING`, `E_SAFETY`, `E_DATABASE`, `E_COMMAND` for an administrator that could not be
 * created, `E_INTERRUPTED`. After a crash, `recoverReinit` ends it.
 */
export async function reinit(request: ReinitRequest, options: ReinitOptions): Promise<ReinitOutcome> {
  const { config } = request;
  const database = databaseOf(config);
  const id = nextReinitId(request.store);
  const preview = await previewOf(request, database, id, options.signal);
  if (request.dryRun) return { reinit: null, safetyRun: null, preview, rows: rowsToClear(preview.plan), warnings: [] };
  assertNothingStranded(preview.plan);
  await options.confirm(preview);
  const store = (await openStore(request.store, config.site, { create: true, newStore: false })).path;
  const held = await hold(store, config, options);
  let journal: ReinitJournal | undefined;
  try {
    assertNothingPending(store);
    options.onPhase("saving");
    const { signal } = held;
    const safety = { config, store, unit: database.unit, command: "reinit", id, locks: held, signal } as const;
    const safetyRun = await makeSafetyRun(safety);
    await held.assertHeld();
    journal = await ReinitJournal.create(
      store,
      {
        reinit: id,
        site: config.site,
        unit: database.unit,
        safety_run: safetyRun,
        rows: rowsToClear(preview.plan),
        moves: [...preview.moves],
      },
      options.onStep,
    );
    options.onPhase("clearing");
    journal.step({ action: "command", object: "stop" });
    await service(config, "stop", signal);
    const cleared = await clear(journal, database, config, held);
    options.onPhase("finishing");
    await finish(journal, config, signal);
    return { reinit: id, safetyRun, preview, ...cleared };
  } catch (error) {
    const failure: unknown = held.signal.aborted ? held.signal.reason : error;
    throw journal === undefined ? failure : await takeBack(journal, config, options.report, failure);
  } finally {
    await held.release();
  }
}

async function previewOf(
  { config, store }: ReinitRequest,
  database: NamedDatabase,
  id: string,
  signal: AbortSignal,
): Promise<ReinitPreview> {
  const settings = config.portable?.reinit;
  const plan = await using(config, database, "read", signal, async (on) => await planReinit(on, rulesOf(config)));
  const held = databases(config).flatMap(({ settings: { url } }) => {
    const { files } = engineOfUrl(url);
    return files === undefined ? [] : [files.locate({ url, root: config.root })];
  });
  const moves = planMoves(config.root, settings?.storage ?? [], id, [config.root, store, config.file, ...held]);
  return { site: config.site, unit: database.unit, plan, moves, adminCommand: settings?.admin_command };
}

/** The commit comes last: until then the transaction rolls back the rows, and a rename the directories. */
async function clear(
  journal: ReinitJournal,
  database: NamedDatabase,
  config: SiteConfig,
  { assertHeld, signal }: HeldLocks,
): Promise<{ rows: number; warnings: readonly string[] }> {
  return await using(config, database, "write", signal, async (connection) => {
    const { plan, warnings } = await clearTables(connection, rulesOf(config), {
      signal,
      before: async (found) => await exportClearedRows(connection, found, rulesOf(config), journal.kept),
    });
    await moveAside(journal.record.moves, journal.step);
    await assertHeld();
    signal.throwIfAborted();
    await journal.enter("committing");
    journal.step({ action: "database", object: "commit" });
    await connection.run("commit");
    await journal.enter("cleared");
    const counters = await resetCounters(connection, plan);
    return { rows: rowsToClear(plan), warnings: [...plan.warnings, ...warnings, ...counters] };
  });
}
