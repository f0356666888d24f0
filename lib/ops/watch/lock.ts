/** Checks that no command has held the store's lock for too long. */
import path from "node:path";
import { readOwner } from "../../store/lock/acquire.ts";
import { describeOwner, livenessOf } from "../../store/lock/process-owner.ts";
import { formatAge, HOUR_MS } from "../../report/format.ts";
import type { WatchCheck } from "./check.ts";

/** Checks the holder of the lock; one that is dead holds nothing: the next command takes it over. */
export async function checkLock(store: string, maxDuration: number, now: Date): Promise<WatchCheck> {
  const common = { id: "lock", title: "lock" } as const;
  const owner = await readOwner(path.join(store, ".lock"));
  if (owner === null || livenessOf(owner) === "dead")
    return { ...common, state: "ok", figure: "no command works on the store", problems: [] };
  const held = now.getTime() - Date.parse(owner.since);
  const figure = `held by ${describeOwner(owner)}`;
  if (held <= maxDuration * HOUR_MS) return { ...common, state: "ok", figure, problems: [] };
  const message = `the lock is held for ${formatAge(held)} by ${describeOwner(owner)}, expected at most ${maxDuration} h`;
  return { ...common, state: "failed", figure, problems: [{ path: store, message }] };
}
