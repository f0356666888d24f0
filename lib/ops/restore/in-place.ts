/** Restores in place: under the store's lock, with the service stopped, and what is replaced kept. */
import type { SiteConfig } from "../../config/load.ts";
import { holdStoreLocks } from "../../store/lock/store-locks.ts";
import { assertWritable } from "../../store/writable.ts";
import { assertNothingPending } from "../journals/pending.ts";
import type { Journal } from "../journals/restore-journal.ts";
import { migrate, rebuildProjects, service, smoke } from "../site/commands.ts";
import { beginRestore, rollBack, stageRestore, targetOf } from "./phases.ts";
import { prepareFor, type Prepared } from "./prepare.ts";
import type { RestorePreview } from "./preview.ts";
import { backUpTarget } from "./safety-dump.ts";
import { closeDatabases, compareWithRecord } from "./swap/databases.ts";
import { RestorerPool } from "./swap/restorer-pool.ts";
import { start } from "./swap/roll-back.ts";
import { swapIn } from "./swap/run.ts";
import { outcomeOf, type RestoreOutcome, type Work } from "./work.ts";

/** Restores what was confirmed. Throws like `restore`, with the target rolled back. */
export async function restoreInPlace(work: Work, config: SiteConfig, preview: RestorePreview): Promise<RestoreOutcome> {
  const { request, options, store } = work;
  assertWritable(store.path);
  const lock = await holdStoreLocks(store.path, {
    command: "restore",
    breakLock: request.breakLock,
    lockFile: config?.lock_file,
    signal: options.signal,
    report: options.report,
  });
  const { signal } = lock;
  const held: Work = { ...work, options: { ...options, signal } };
  try {
    assertNothingPending(store.path);
    const journal = await beginRestore(held);
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
      throw await rollBack(journal, held, prepared.databases, error, config);
    } finally {
      await servers.close();
      await closeDatabases(prepared.databases);
    }
  } finally {
    await lock.release();
  }
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
