/** Rolls back an in-place restore that failed. */
import type { SiteConfig } from "../../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import type { Journal } from "../../journals/restore-journal.ts";
import type { JournalDocument } from "../../journals/operations.ts";
import { RestorerPool, type FindTarget } from "./restorer-pool.ts";
import { hintOf, stateOf } from "../../journals/restore-state.ts";
import { undo } from "./roll-back.ts";

/**
 * Rolls back, removes temporary files and databases, and records the failure. Returns the error to throw: the failure
 * itself if the site is as it was before, else `E_PENDING` with the command that ends the restore.
 */
export async function rollBackFailure(
  journal: Journal,
  targetOf: FindTarget,
  config: SiteConfig | undefined,
  failure: unknown,
): Promise<unknown> {
  // The signal that ended the restore must not end the rollback.
  const { signal } = new AbortController();
  const servers = new RestorerPool(targetOf, signal);
  try {
    const notStarted = await undo(journal, servers, { config, signal, error: describe(failure) });
    if (notStarted === undefined) return failure;
    const { code, message } = asHoldfastError(failure);
    return new HoldfastError(
      code,
      `${message}; everything was put back, but the service does not start: ${notStarted}`,
      { cause: failure },
    );
  } catch (second) {
    // The disk may be full: the journal's previous state suffices.
    await journal.update({ error: describe(failure) }).catch(() => {});
    const [first, then] = [describe(failure).message, describe(second).message];
    const message = `the restore failed (${first}), and so did its rollback: ${then}`;
    return new HoldfastError("E_PENDING", message, {
      hint: `correct the cause, then ${hintOf(stateOf(journal.document), journal.document.restore)}`,
      cause: second,
    });
  } finally {
    await servers.close();
  }
}

export function describe(error: unknown): NonNullable<JournalDocument["error"]> {
  const { code, message, hint } = asHoldfastError(error);
  return { code, message, hint };
}
