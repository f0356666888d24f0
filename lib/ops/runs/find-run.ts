/** Resolves the name of a run in a store. */
import { lstatSync, readlinkSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { isRunId, listIncomplete, listRuns } from "../../store/files/layout.ts";
import { findLatest } from "../../store/run/publish.ts";

/**
 * Returns the id of a published run: `name` itself, the newest of all for `last`, or the target of the store's link for
 * `latest`.
 * The link decides, not the newest sound manifest, so that a run with a damaged manifest is examined and not skipped.
 * Throws `E_RUN_UNKNOWN`.
 */
export function findRun(store: string, name: string): string {
  const run = name === "latest" ? latestRun(store) : name === "last" ? listRuns(store).at(-1) : name;
  if (run === undefined)
    throw new HoldfastError("E_RUN_UNKNOWN", `the store ${store} holds no full backup yet`, {
      hint: `list its runs: npx tsx scripts/list.ts --dest ${store}`,
    });
  if (listRuns(store).includes(run)) return run;
  if (name === "latest")
    throw new HoldfastError("E_RUN_UNKNOWN", `the link latest names the run ${run}, which does not exist`);
  if (listIncomplete(store).includes(run)) {
    throw new HoldfastError("E_RUN_UNKNOWN", `the run ${run} was interrupted and never published`, {
      hint: "npx tsx scripts/backup_all.ts --resume continues it, npx tsx scripts/delete.ts removes it",
    });
  }
  throw new HoldfastError(
    "E_RUN_UNKNOWN",
    `the store has no run ${run}`,
    isRunId(run) ? {} : { hint: "use an id like 20261120T020000Z, latest or last" },
  );
}

/** Returns the run that the link `latest` names; without the link, the newest that it should name. */
export function latestRun(store: string): string | undefined {
  const link = path.join(store, "latest");
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return findLatest(store);
  return path.basename(readlinkSync(link));
}
