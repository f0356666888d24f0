/** Puts back everything that an in-place restore has replaced, and removes its temporary files and databases. */
import type { SiteConfig } from "../../../config/load.ts";
import { asHoldfastError } from "../../../errors.ts";
import { service } from "../../site/commands.ts";
import type { Journal } from "../../journals/restore-journal.ts";
import type { JournalDocument } from "../../journals/operations.ts";
import type { RestorerPool } from "./restorer-pool.ts";
import { prepareSwapBack, removeTemporaries, swapBack } from "./run.ts";

export interface UndoOptions {
  readonly config: SiteConfig | undefined;
  readonly signal: AbortSignal;
  /** The failure that ended the restore; absent if the operator rolls it back. */
  readonly error?: JournalDocument["error"];
}

const CUT_OFF = {
  code: "E_INTERRUPTED",
  message: "the restore was interrupted before it changed anything",
  hint: "start it again",
};

/**
 * Undoes a restore, from whatever point an earlier attempt reached. Throws `E_SAFETY` before any change if a database
 * cannot be restored. Returns why the service does not start again; undefined if it does or was not stopped.
 */
export async function undo(
  journal: Journal,
  servers: RestorerPool,
  { config, signal, error }: UndoOptions,
): Promise<string | undefined> {
  const { swap, package: isPackage } = journal.document;
  const isSwapped = swap !== "none" && swap !== "undone";
  if (isSwapped) await prepareSwapBack(journal, servers);
  const hasService = isSwapped && !isPackage && config?.health?.service !== undefined;
  await journal.enter("rolling_back", {
    ...(isSwapped ? { swap: "undoing" as const } : {}),
    ...(hasService ? { service_stopped: true } : {}),
  });
  if (hasService) {
    journal.step({ action: "command", object: "stop" });
    // The restore may have failed because the service commands do not work.
    await service(config, "stop", signal).catch((failure: unknown) => {
      if (error === undefined) throw failure;
    });
  }
  if (isSwapped) await swapBack(journal, servers);
  await removeTemporaries(journal, servers);
  const notStarted = config === undefined ? undefined : await startAgain(journal, config, signal);
  await journal.enter(swap === "none" ? "failed" : "rolled_back", {
    kept: false,
    error: error ?? (swap === "none" ? (journal.document.error ?? CUT_OFF) : journal.document.error),
  });
  return notStarted;
}

async function startAgain(journal: Journal, config: SiteConfig, signal: AbortSignal): Promise<string | undefined> {
  if (!journal.document.service_stopped) return undefined;
  try {
    await start(journal, config, signal);
    return undefined;
  } catch (error) {
    return asHoldfastError(error).message;
  }
}

/** Starts the service if the restore stopped it. */
export async function start(journal: Journal, config: SiteConfig, signal: AbortSignal): Promise<void> {
  if (!journal.document.service_stopped) return;
  journal.step({ action: "command", object: "start" });
  await service(config, "start", signal);
  await journal.update({ service_stopped: false });
}
