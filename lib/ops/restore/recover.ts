/** Ends a restore in place: confirmed, taken back, or, where it was cut off, finished or taken back. */
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import { describeUrl, splitPassword } from "../../database/open.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { databases } from "../../steps/db.ts";
import { findStore } from "../../store/open.ts";
import { migrate, rebuildProjects, service, smoke } from "./after.ts";
import { takeLock, type Held } from "./frame.ts";
import { isCutOff, Journal, pendingRestores } from "./journal.ts";
import { Servers, type FindTarget } from "./servers.ts";
import { removeSpares, swapBack, swapIn } from "./swap.ts";

export type EndRestore = "confirm" | "rollback" | "recover";

export interface EndRequest {
  readonly store: string;
  readonly config: SiteConfig | undefined;
  /** The restore's id; the only one that is pending when absent. */
  readonly restore?: string | undefined;
  readonly how: EndRestore;
  /** The database that was given to the restore, where it was not the configured one. */
  readonly database?: string | undefined;
  readonly breakLock: boolean;
}

export interface EndOutcome {
  readonly restore: string;
  readonly run: string;
  /** Of a migration package. */
  readonly package: boolean;
  readonly phase: string;
}

const ENDED = { confirm: "confirmed", rollback: "rolled back", recover: "recovered" } as const;

interface EndOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Throws `E_RUN_UNKNOWN` when there is nothing to end, `E_PENDING` when the restore is at work or in a state that this cannot end. */
export async function endRestore(request: EndRequest, options: EndOptions): Promise<EndOutcome> {
  const { path: store } = await findStore(request.store);
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const held = await takeLock(store, request, request.config, {
    ...options,
    signal,
    onLost: (error) => lost.abort(error),
  });
  try {
    const journal = await Journal.open(store, chooseRestore(store, request));
    const servers = new Servers(targetFor(request, signal), signal);
    try {
      await end(journal, request, { signal, held, servers });
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
  const pending = pendingRestores(store).filter((one) => how !== "recover" || isCutOff(one));
  const [only, ...others] = pending;
  if (only === undefined)
    throw new HoldfastError("E_RUN_UNKNOWN", `no restore is waiting to be ${ENDED[how]}`, {
      hint: "the store's restores/ holds a record of each",
    });
  if (others.length > 0)
    throw new HoldfastError("E_USAGE", "several restores are waiting", {
      hint: `name one: ${pending.map((one) => one.restore).join(", ")}`,
    });
  return only.restore;
}

interface EndWork {
  readonly signal: AbortSignal;
  readonly held: Held;
  readonly servers: Servers;
}

async function end(journal: Journal, { how, config }: EndRequest, work: EndWork): Promise<void> {
  const { phase, swap, kept, restore } = journal.document;
  const over = ["completed", "failed", "rolled_back"].includes(phase);
  if (how === "confirm") {
    if (phase !== "completed" || !kept)
      throw new HoldfastError("E_PENDING", `the restore ${restore} is ${phase}: there is nothing to confirm`, {
        hint: over ? "nothing is kept of it any more" : `restore.ts --recover ${restore} goes on with it`,
      });
    await removeSpares(journal, work.servers);
    return await journal.update({ kept: false });
  }
  if (how === "rollback") {
    if (over && !kept)
      throw new HoldfastError(
        "E_PENDING",
        `the restore ${restore} is ${phase}: what it replaced is not kept any more`,
        { hint: "restore another run" },
      );
    return await takeBack(journal, config, work);
  }
  if (over)
    throw new HoldfastError("E_PENDING", `the restore ${restore} is ${phase}: it was not cut off`, {
      hint: "--confirm or --rollback end one that is done",
    });
  const isHalf = journal.document.operations.some(
    (one) => one.kind === "import" && (one.state === "none" || (one.state === "begun" && one.safety !== null)),
  );
  if ((swap === "begun" || swap === "done") && !isHalf) return await goOn(journal, config, work);
  return await takeBack(journal, config, work);
}

/** Back to what was there before. */
async function takeBack(
  journal: Journal,
  config: SiteConfig | undefined,
  { servers, signal, held }: EndWork,
): Promise<void> {
  const { swap, package: isPackage } = journal.document;
  await held.assertHeld();
  if (swap !== "none" && swap !== "undone") {
    if (config?.health?.service !== undefined && !isPackage) {
      await journal.update({ service_stopped: true });
      await service(config, "stop", signal);
    }
    await swapBack(journal, servers);
  }
  await removeSpares(journal, servers);
  await restart(journal, config, signal);
  await journal.enter(swap === "none" ? "failed" : "rolled_back", {
    kept: false,
    ...(swap === "none" ? { error: CUT_OFF } : {}),
  });
}

const CUT_OFF = {
  code: "E_INTERRUPTED",
  message: "the restore was cut off before it had changed anything",
  hint: "start it again",
};

/** Everything was staged and compared when the swap began: it is finished. */
async function goOn(
  journal: Journal,
  config: SiteConfig | undefined,
  { servers, signal, held }: EndWork,
): Promise<void> {
  await swapIn(journal, servers, () => held.assertHeld());
  await journal.enter("migrating");
  const { migrate: units, rebuild, package: isPackage } = journal.document;
  if (config !== undefined && journal.document.target === "in-place" && !isPackage) {
    await migrate(config, units, signal);
    if (rebuild.length > 0) await rebuildProjects(config, rebuild, signal);
    await restart(journal, config, signal);
    await smoke(config, signal);
  }
  const kept = journal.document.target === "in-place";
  if (!kept) await removeSpares(journal, servers);
  await journal.enter("completed", { kept });
}

async function restart(journal: Journal, config: SiteConfig | undefined, signal: AbortSignal): Promise<void> {
  if (config === undefined || !journal.document.service_stopped) return;
  await service(config, "start", signal);
  await journal.update({ service_stopped: false });
}

/** The database of `--database`, or the configured one, as long as it is the one that the record names. */
const targetFor =
  ({ config, database }: EndRequest, signal: AbortSignal): FindTarget =>
  async (unit, url) => {
    const given = database === undefined ? undefined : splitPassword(database);
    if (given !== undefined && describeUrl(given.url).database !== describeUrl(url).database)
      throw new HoldfastError("E_USAGE", `the restore was of the database ${describeUrl(url).database}`);
    const settings = config === undefined ? undefined : databases(config).find((one) => one.unit === unit)?.settings;
    const own = settings === undefined ? undefined : splitPassword(settings.url);
    const configured =
      config === undefined || settings === undefined || own?.url !== url
        ? undefined
        : ((await databasePassword(config, settings, signal)) ?? own.password);
    const password = given?.password ?? configured;
    return {
      url: given?.url ?? url,
      ...(password === undefined ? {} : { password }),
      execPrefix: config?.exec_prefix ?? [],
      root: config?.root ?? "/",
    };
  };
