/** Drills: runs restored whole into sandboxes, to know that they do restore. The site, its databases and the runs themselves stay untouched. */
import { HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { findStore } from "../../store/open.ts";
import { drillRun, type DrillOptions } from "./sandbox-run.ts";
import type { DrillEvidence } from "./evidence.ts";
import { sweepSandboxes } from "../scratch/sandbox.ts";
import { findRun } from "../runs/find-run.ts";

export type { DrillEvidence } from "./evidence.ts";
export type { DrillOptions } from "./sandbox-run.ts";

export interface DrillRequest {
  /** Path of the store. */
  readonly store: string;
  /** A run's id, or `latest`. */
  readonly run: string;
  /** Each run from this id or day on, in place of `run`. */
  readonly allSince?: string | undefined;
  /** Without it nothing of the application can be tried. */
  readonly config?: SiteConfig | undefined;
  readonly sandbox?: string | undefined;
  readonly database?: string | undefined;
  /** How many projects are compiled. */
  readonly projects: number;
  /** After a failure: look for the newest earlier run that does restore. */
  readonly search: boolean;
  readonly workers: number;
  /** A directory for the evidence; the store when absent. */
  readonly evidence?: string | undefined;
}

export interface DrillOutcome {
  /** Nothing failed in the runs that were asked for. */
  readonly ok: boolean;
  readonly drills: readonly DrillEvidence[];
  /** The newest run that restores, where one that was asked for does not and an earlier one was looked for; null: none does. */
  readonly restorable?: string | null;
  readonly warnings: readonly string[];
}

/**
 * Drills one run, or each since a day. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_CONFIG` for a config of another site, and what keeps a drill from being
 * done at all: `E_NO_SPACE`, `E_TARGET`, `E_DATABASE` for a named server that does not answer, `E_INTERRUPTED`. All is cleaned up then, too.
 */
export async function drill(request: DrillRequest, options: Omit<DrillOptions, "onNote">): Promise<DrillOutcome> {
  const { path: store, site } = await findStore(request.store);
  if (request.config !== undefined && request.config.site !== site)
    throw new HoldfastError("E_CONFIG", `the store is of the site ${site}, the config of ${request.config.site}`);
  const asked = request.allSince === undefined ? [findRun(store, request.run)] : runsSince(store, request.allSince);
  const { config, sandbox, database, projects, workers, evidence } = request;
  const warnings = await sweepSandboxes(sandbox, database, options.signal);
  const once = async (run: string): Promise<DrillEvidence> =>
    await drillRun(
      { store, run, config, sandbox, database, projects, workers, evidence },
      { ...options, onNote: (text) => void warnings.push(text) },
    );
  const drills: DrillEvidence[] = [];
  for (const run of asked) drills.push(await once(run));
  const newest = drills.at(-1);
  const ok = drills.every((one) => one.ok);
  if (newest === undefined || newest.ok || !request.search) return { ok, drills, warnings };
  const known = drills.findLast((one) => one.ok)?.run;
  if (known !== undefined) return { ok, drills, warnings, restorable: known };
  for (const run of fullBackups(store)
    .filter((one) => one < (asked[0] ?? ""))
    .toReversed()) {
    const found = await once(run);
    drills.push(found);
    if (found.ok) return { ok, drills, warnings, restorable: run };
  }
  return { ok, drills, warnings, restorable: null };
}

/** Runs from an id or a day (2026-11-20, 20261120) on, oldest first. Throws `E_USAGE`, `E_RUN_UNKNOWN`. */
function runsSince(store: string, since: string): string[] {
  const from = since.replaceAll(/[-:]/g, "");
  if (!/^\d{8}(T\d{6}Z)?$/.test(from))
    throw new HoldfastError("E_USAGE", `--all-since ${since}: neither a run nor a day`, {
      hint: "a run is named like 20261120T020000Z, a day like 2026-11-20",
    });
  const runs = fullBackups(store).filter((run) => run >= from);
  if (runs.length === 0) throw new HoldfastError("E_RUN_UNKNOWN", `the store has no full backup since ${since}`);
  return runs;
}

/** Oldest first. One whose manifest cannot be read counts: a drill finds out. */
const fullBackups = (store: string): string[] =>
  listRuns(store).filter((run) => {
    try {
      const { kind, scope } = readManifestHead(runDirectory(store, run));
      return kind === "backup" && scope === "full";
    } catch {
      return true;
    }
  });
