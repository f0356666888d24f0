/** Which run of a store a command means. */
import { lstatSync, readlinkSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { isRunId, listIncomplete, listRuns } from "../../store/files/layout.ts";
import { findLatest } from "../../store/run/publish.ts";

/**
 * The id of a published run: `name` itself, for `last` the newest of all, or for `latest` the run that the store's link names. The link and not the newest sound manifest
 * decides, so that a run whose manifest is damaged is looked at and not passed over. Throws `E_RUN_UNKNOWN`.
 */
export function findRun(store: string, name: string): string {
  const run = name === "latest" ? latestRun(store) : name === "last" ? listRuns(store).at(-1) : name;
  if (run === undefined)
    throw new HoldfastError("E_RUN_UNKNOWN", `the store ${store} holds no full backup yet`, {
      hint: `see what it holds: npx tsx scripts/list.ts --dest ${store}`,
    });
  if (listRuns(store).includes(run)) return run;
  if (name === "latest")
    throw new HoldfastError("E_RUN_UNKNOWN", `the link latest names the run ${run}, which is not there`);
  if (listIncomplete(store).includes(run)) {
    throw new HoldfastError("E_RUN_UNKNOWN", `the run ${run} was interrupted and never published`, {
      hint: "npx tsx scripts/backup_all.ts --resume goes on with it, npx tsx scripts/delete.ts removes it",
    });
  }
  throw new HoldfastError(
    "E_RUN_UNKNOWN",
    `the store has no run ${run}`,
    isRunId(run) ? {} : { hint: "a run is named like 20261120T020000Z, or latest, or last" },
  );
}

/** The run that the link `latest` names; without the link, the newest that it should name. */
export function latestRun(store: string): string | undefined {
  const link = path.join(store, "latest");
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return findLatest(store);
  return path.basename(readlinkSync(link));
}
