/** Ends a reinit that was interrupted. */
import { HoldfastError } from "../../errors.ts";
import { openStore } from "../../store/open.ts";
import type { ReinitOptions, ReinitRequest } from "./run.ts";
import { finish, hasCommitted, takeBack } from "./end.ts";
import { hold } from "./hold.ts";
import { REINIT_RECOVERY, ReinitJournal } from "../journals/reinit-journal.ts";
import { checkMoves } from "./storage.ts";

/**
 * Ends an interrupted reinit: finishes it if it was committed, else puts everything back. Throws `E_RUN_UNKNOWN` if
 * there is none, `E_PENDING` if it can do neither.
 */
export async function recoverReinit(
  request: Pick<ReinitRequest, "config" | "store">,
  options: Pick<ReinitOptions, "signal" | "report" | "onStep">,
): Promise<{ readonly reinit: string; readonly phase: "completed" | "taken back" }> {
  const { config } = request;
  const store = (await openStore(request.store, config.site, { create: false, newStore: false })).path;
  const held = await hold(store, config, options);
  try {
    const journal = ReinitJournal.pending(store, options.onStep);
    if (journal === undefined)
      throw new HoldfastError("E_RUN_UNKNOWN", "no reinit was interrupted", { hint: "there is nothing to recover" });
    const { reinit: id, moves } = journal.record;
    checkMoves(config.root, config.portable?.reinit?.storage ?? [], id, moves);
    const way = REINIT_RECOVERY[journal.record.phase];
    if (way === "undo" || (way === "ask" && !(await hasCommitted(journal, config, held.signal)))) {
      const failed = new HoldfastError("E_INTERRUPTED", "the reinit was interrupted");
      const left = await takeBack(journal, config, options.report, failed);
      if (left !== failed) throw left;
      return { reinit: id, phase: "taken back" };
    }
    try {
      await finish(journal, config, held.signal);
      return { reinit: id, phase: "completed" };
    } catch (error) {
      throw await takeBack(journal, config, options.report, error);
    }
  } finally {
    await held.release();
  }
}
