/** `last_good`: the id of the newest good run, as a line of text at the root of the store. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { readRegular } from "../../archive/files/regular-file.ts";
import { fsyncDirectory, writeFileAtomic } from "../../store/files/atomic.ts";
import { isRunId } from "../../store/files/layout.ts";
import { fullBackups } from "../runs/full-backups.ts";
import { isWithoutAlarm } from "./accepted.ts";

const MOST_BYTES = 64;

const lastGoodFile = (store: string): string => path.join(store, "last_good");

/** Returns the run that the store's document names; undefined without one, and for a damaged one. */
export function readLastGood(store: string): string | undefined {
  try {
    const run = readRegular(lastGoodFile(store), MOST_BYTES, "E_VERIFY").toString("utf8").trimEnd();
    return isRunId(run) ? run : undefined;
  } catch {
    return undefined; // repaired by the next command that takes the lock
  }
}

/**
 * Makes the document name the newest good run, and removes it if there is none. Returns true if it was wrong. Call it
 * under the store's lock.
 */
export async function repairLastGood(store: string): Promise<boolean> {
  const run = findLastGood(store);
  if (readLastGood(store) === run) return false;
  if (run !== undefined) {
    await writeFileAtomic(lastGoodFile(store), `${run}\n`, { mode: 0o640, tmp: path.join(store, ".tmp") });
    return true;
  }
  await rm(lastGoodFile(store), { force: true });
  await fsyncDirectory(store);
  return true;
}

/** Returns the newest good run of the store: a full backup, complete, and without an alarm that was not accepted. */
function findLastGood(store: string): string | undefined {
  for (const head of fullBackups(store)) if (head.status === "complete" && isWithoutAlarm(store, head)) return head.run;
  return undefined;
}
