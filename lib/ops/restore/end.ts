/** Ends an in-place restore: confirms it, rolls it back, or finishes one that was interrupted. */
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import { splitPassword } from "../../database/access/url.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { databases } from "../../steps/db/databases.ts";
import { findStore } from "../../store/open.ts";
import { ownerOfThisProcess } from "../../store/lock/process-owner.ts";
import type { OnStep } from "../journals/on-step.ts";
import { migrate, rebuildProjects, service, smoke } from "../site/commands.ts";
import { holdStoreLocks, type StoreLocks } from "../../store/lock/store-locks.ts";
import { Journal, pendingRestores } from "../journals/restore-journal.ts";
import type { JournalDocument } from "../journals/operations.ts";
import { checkJournal } from "../journals/seal.ts";
import { RestorerPool, type FindTarget } from "./swap/restorer-pool.ts";
import { hintOf, RESTORE_RULES, stateOf, type EndCommand, type RestoreState } from "../journals/restore-state.ts";
import { removeTemporaries, swapIn } from "./swap/run.ts";
import { start, undo } from "./swap/roll-back.ts";
import { assertWritable } from "../../store/writable.ts";

export interface EndRequest {
  readonly store: string;
  readonly config: SiteConfig | undefined;
  /** Id of the restore; defaults to the only pending one. */
  readonly restore?: string | undefined;
  readonly how: EndCommand;
  /** The database that the restore was given with `--database`, if it was not the configured one. */
  readonly database?: string | undefined;
  readonly breakLock: boolean;
}

export interface EndOutcome {
  readonly restore: string;
  readonly run: string;
  /** True for the restore of a migration package. */
  readonly package: boolean;
  readonly phase: string;
}

interface EndOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly onStep?: OnStep;
}

/**
 * Ends a restore as its journal allows. Throws `E_RUN_UNKNOWN` if no restore is pending, `E_PENDING` if its state does
 * not allow the command, `E_SAFETY` if a rollback cannot restore a database, and `E_CONFIG` if the site's config is
 * needed.
 */
export async function endRestore(request: EndRequest, options: EndOptions): Promise<EndOutcome> {
  const { path: store } = await findStore(request.store);
  assertWritable(store);
  const held = await holdStoreLocks(store, {
    command: "restore",
    breakLock: request.breakLock,
    lockFile: request.config?.lock_file,
    report: options.report,
    signal: options.signal,
  });
  const { signal } = held;
  try {
    const journal = await Journal.open(store, chooseRestore(store, request), options.onStep);
    const servers = new RestorerPool(targetFor(request, signal), signal);
    try {
      await end(journal, request, { store, signal, held, servers });
    } finally {
      await servers.close();
    }
    const { restore, run, package: isPackage, phase } = journal.document;
    return { restore, run, package: isPackage, phase };
  } finally {
    await held.release();
  }
}

function chooseRestore(store: string, { restore, how }: EndRequest): string {
  if (restore !== undefined) return restore;
  const pending = pendingRestores(store);
  const allowed = pending.filter((one) => RESTORE_RULES[stateOf(one)].commands[how] !== undefined);
  const [only, ...others] = allowed.length > 0 ? allowed : pending;
  if (only === undefined)
    throw new HoldfastError("E_RUN_UNKNOWN", `no restore is waiting for --${how}`, {
      hint: `${store}/restores holds the journal of each`,
    });
  if (others.length > 0)
    throw new HoldfastError("E_USAGE", "several restores are pending", {
      hint: `pick one: ${[only, ...others].map((one) => `--${how} ${one.restore}`).join(", ")}`,
    });
  return only.restore;
}

interface EndWork {
  readonly store: string;
  readonly signal: AbortSignal;
  readonly held: StoreLocks;
  readonly servers: RestorerPool;
}

async function end(journal: Journal, request: EndRequest, work: EndWork): Promise<void> {
  const { how, config } = request;
  const state = stateOf(journal.document);
  const action = RESTORE_RULES[state].commands[how];
  if (action === undefined) throw refusal(journal.document, state, how);
  const { swap } = journal.document;
  checkJournal(work.store, journal.document, {
    moves: action !== "remove" && swap !== "none" && swap !== "undone",
    isNamed: (unit, url) => isNamed(request, unit, url),
  });
  await work.held.assertHeld();
  switch (action) {
    case "remove":
      return await confirm(journal, work);
    case "undo":
      assertConfig(journal.document, config, how);
      return await rollBack(journal, config, work);
    case "finish":
      assertConfig(journal.document, config, how);
      return await finish(journal, config, work);
  }
}

const STATE_TEXT: Readonly<Record<Exclude<RestoreState, "ended">, string>> = {
  staging: "was interrupted before it replaced anything",
  swapping: "was interrupted while replacing the site",
  importing: "was interrupted while importing data",
  irreversible: "was interrupted while replacing the site, and saved no dump of a database that it overwrote",
  completed: "is completed and keeps what it replaced",
  confirming: "is confirmed, but was interrupted while removing what it replaced",
  rolling_back: "was interrupted while rolling back",
};

function refusal({ restore, phase }: JournalDocument, state: RestoreState, how: EndCommand): HoldfastError {
  const code = state === "irreversible" && how === "rollback" ? "E_SAFETY" : "E_PENDING";
  const text = state === "ended" ? `is ${phase.replace("_", " ")}, and keeps nothing` : STATE_TEXT[state];
  return new HoldfastError(code, `the restore ${restore} ${text}: --${how} cannot end it`, {
    hint: hintOf(state, restore),
  });
}

/** Throws `E_CONFIG` if the config is missing but needed to start the service or to run migrations. */
function assertConfig(
  { restore, package: isPackage, target, service_stopped, migrate: units, rebuild }: JournalDocument,
  config: SiteConfig | undefined,
  how: EndCommand,
): void {
  if (config !== undefined || isPackage || target !== "in-place") return;
  if (!service_stopped && units.length === 0 && rebuild.length === 0) return;
  throw new HoldfastError(
    "E_CONFIG",
    `the restore ${restore} stops the service or runs migrations: the config is needed`,
    {
      hint: `npx tsx scripts/restore.ts --${how} ${restore} --config FILE`,
    },
  );
}

/**
 * Removes what was replaced. The journal records it first, because no rollback is possible after the first file is
 * gone.
 */
async function confirm(journal: Journal, { servers }: EndWork): Promise<void> {
  await journal.enter("confirming");
  await removeTemporaries(journal, servers);
  await journal.enter("completed", { kept: false });
}

async function rollBack(journal: Journal, config: SiteConfig | undefined, { servers, signal }: EndWork): Promise<void> {
  const notStarted = await undo(journal, servers, { config, signal });
  if (notStarted === undefined) return;
  throw new HoldfastError("E_COMMAND", `everything was put back, but the service does not start: ${notStarted}`, {
    hint: "start the service manually",
  });
}

/** Continues a restore; everything was staged and compared before its swap began. */
async function finish(
  journal: Journal,
  config: SiteConfig | undefined,
  { servers, signal, held }: EndWork,
): Promise<void> {
  const { migrate: units, rebuild, package: isPackage, restore, swap } = journal.document;
  const isInPlace = journal.document.target === "in-place";
  const site = isInPlace && !isPackage ? config : undefined;
  const hasService = site?.health?.service !== undefined;
  // A reboot may have started the service again.
  const stops = hasService && swap !== "done";
  await journal.update({ process: ownerOfThisProcess("restore", restore), ...(stops && { service_stopped: true }) });
  if (stops) {
    journal.step({ action: "command", object: "stop" });
    await service(site, "stop", signal);
  }
  // Loading a dump a second time would overwrite what was written since the first time.
  if (swap !== "done") await swapIn(journal, servers, () => held.assertHeld());
  await journal.enter("migrating");
  if (site !== undefined) {
    await migrate(site, units, signal);
    if (rebuild.length > 0) await rebuildProjects(site, rebuild, signal);
    await start(journal, site, signal);
    await smoke(site, signal);
  }
  if (!isInPlace) await removeTemporaries(journal, servers);
  await journal.enter("completed", { kept: isInPlace });
}

function isNamed({ config, database }: EndRequest, unit: string, url: string): boolean {
  if (database !== undefined) return splitPassword(database).url === url;
  return configuredAt(config, unit, url) !== undefined;
}

/** Returns the configured database of a unit, if it is the one at a URL. */
function configuredAt(config: SiteConfig | undefined, unit: string, url: string) {
  const settings = config === undefined ? undefined : databases(config).find((one) => one.unit === unit)?.settings;
  if (config === undefined || settings === undefined) return undefined;
  const { url: own, password } = splitPassword(settings.url);
  return own === url ? { config, settings, password } : undefined;
}

/** Returns the database of `--database`, or the configured one if it is the one that the journal names. */
const targetFor =
  ({ config, database }: EndRequest, signal: AbortSignal): FindTarget =>
  async (unit, url) => {
    const given = database === undefined ? undefined : splitPassword(database);
    if (given !== undefined && describeUrl(given.url).database !== describeUrl(url).database)
      throw new HoldfastError("E_USAGE", `the restore was of the database ${describeUrl(url).database}`);
    const own = configuredAt(config, unit, url);
    const configured = own && ((await databasePassword(own.config, own.settings, signal)) ?? own.password);
    const password = given?.password ?? configured;
    return {
      url: given?.url ?? url,
      ...(password === undefined ? {} : { password }),
      execPrefix: config?.exec_prefix ?? [],
      root: config?.root ?? "/",
    };
  };
