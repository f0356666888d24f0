/** The condition under which an in-place restore or a reinit refuses to start. */
import { HoldfastError } from "../../errors.ts";
import { describeOwner, livenessOf } from "../../store/lock/process-owner.ts";
import { assertNoPendingReinit } from "./reinit-journal.ts";
import { assertReadable, pendingRestores, sourceOf } from "./restore-journal.ts";
import { hintOf, RESTORE_RULES, stateOf } from "./restore-state.ts";

/**
 * Throws `E_PENDING` while an earlier in-place restore or reinit has not ended. Two earlier states of the site could
 * not be distinguished if both were kept. Throws `E_VERIFY` for a damaged journal, `E_LOCKED` while the other restore
 * is running.
 */
export function assertNothingPending(store: string): void {
  assertNoPendingReinit(store);
  assertReadable(store);
  const pending = pendingRestores(store).find((one) => !RESTORE_RULES[stateOf(one)].begin);
  if (pending === undefined) return;
  const { restore, phase, process: owner } = pending;
  const state = stateOf(pending);
  const what = `the restore ${restore} of ${sourceOf(pending)}`;
  if (state === "completed")
    throw new HoldfastError("E_PENDING", `${what} keeps what it replaced`, { hint: hintOf(state, restore) });
  if (livenessOf(owner) === "alive" && owner.pid !== process.pid)
    throw new HoldfastError("E_LOCKED", `${what} is running: ${describeOwner(owner)}`);
  throw new HoldfastError("E_PENDING", `${what} was interrupted while ${phase.replace("_", " ")}`, {
    hint: hintOf(state, restore),
  });
}
