/** What a run is worth to retention, decided from its documents each time and never stored. */
import { HoldfastError } from "../../errors.ts";
import type { ManifestHead } from "../../model/run.ts";
import { runDirectory, timeOfRun } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { openAnomalies } from "../anomalies/accepted.ts";

/**
 * The standings.
 * - `good`: a full backup, complete, without an open anomaly and without losses. Keep rules choose among these.
 * - `bad`: a full backup that lacks something, or differs from the site's history.
 * - `selection`: a backup of a part of the site.
 * - `safety`: the copy that a restore or a reinit made of what it replaced.
 * - `damaged`: its documents cannot be read, so that nothing can be said of it.
 */
export type Standing = "good" | "bad" | "selection" | "safety" | "damaged";

export interface Judged {
  readonly standing: Standing;
  /** Why a run is bad: `partial`, `2 anomalies`. */
  readonly fault: string | null;
  readonly tags: readonly string[];
}

/** Judges a run of the store; `accepts` is false if what accepts its anomalies does not count. */
export function judgeRun(store: string, run: string, accepts: boolean): Judged {
  if (Number.isNaN(timeOfRun(run).getTime()))
    return { standing: "damaged", fault: `${run} is not the name of a time`, tags: [] };
  try {
    const head = readManifestHead(runDirectory(store, run));
    const { kind, scope, tags } = head;
    if (kind === "safety") return { standing: "safety", fault: null, tags };
    if (scope !== "full") return { standing: "selection", fault: null, tags };
    const fault = faultOf(store, head, accepts);
    return { standing: fault === null ? "good" : "bad", fault, tags };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { standing: "damaged", fault: error.message, tags: [] };
  }
}

function faultOf(store: string, head: ManifestHead, accepts: boolean): string | null {
  if (head.status !== "complete") return head.status;
  const [loss] = head.losses;
  if (loss !== undefined) return `lost units of ${loss.step}`;
  const [open] = openAnomalies(store, head);
  if (open !== undefined) return `anomaly ${open.code}`;
  const alarm = head.anomalies.find(({ level }) => level === "alarm");
  return alarm === undefined || accepts ? null : `anomaly ${alarm.code}, whose acceptance has no valid signature`;
}
