/**
 * Drills: restores whole runs into sandboxes, to verify that they can be restored. The site, its databases and the runs
 * stay untouched.
 */
import { HoldfastError } from "../../errors.ts";
import type { Signing } from "../../config/settings/signing.ts";
import type { SiteConfig } from "../../config/load.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import type { DrillOptions } from "./request.ts";
import { drillRun } from "./sandbox-run.ts";
import type { DrillEvidence } from "./evidence.ts";
import { sweepSandboxes } from "../scratch/sandbox.ts";
import { findRun } from "../runs/find-run.ts";
import type { ContentSource } from "../runs/content-source.ts";

export type { DrillEvidence } from "./evidence.ts";
export type { DrillOptions } from "./request.ts";

export interface DrillRequest {
  /** Path of the store. */
  readonly store: string;
  /** Id of a run, or `latest`. */
  readonly run: string;
  /** Drills each run from this id or day on, in place of `run`. */
  readonly allSince?: string | undefined;
  /** The site's config; without it the application cannot be tested. */
  readonly config?: SiteConfig | undefined;
  readonly sandbox?: string | undefined;
  readonly database?: string | undefined;
  /** The number of projects to compile. */
  readonly projects: number;
  /** After a failure, searches for the newest earlier run that can be restored. */
  readonly search: boolean;
  readonly workers: number;
  /** Brings artifacts that are not in the store's directory. */
  readonly content?: ContentSource | undefined;
  /** Files of identities that open sealed artifacts; those of the config when empty. */
  readonly identities: readonly string[];
  /** A directory for the evidence; the store if absent. */
  readonly evidence?: string | undefined;
  /** Restores only what no recent evidence proves, and every database. */
  readonly changed: boolean;
  /** The signers whose signatures count; signs the evidence, if it has a key. */
  readonly signing?: Signing | undefined;
}

export interface DrillOutcome {
  /** True if nothing failed in the requested runs. */
  readonly ok: boolean;
  readonly drills: readonly DrillEvidence[];
  /** The newest run that can be restored, if a requested run failed and `search` was set; null if none can. */
  readonly restorable?: string | null;
  readonly warnings: readonly string[];
}

/**
 * Drills one run, or each since a day; cleans up also on an error.
 * Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_CONFIG` for a config of another site and untrusted allowed signers, and what prevents the drill itself:
 * `E_NO_SPACE`, `E_TARGET`, `E_DATABASE` for a server of `--database` that does not answer, `E_INTERRUPTED`.
 */
export async function drill(request: DrillRequest, options: Omit<DrillOptions, "onNote">): Promise<DrillOutcome> {
  const place = await findStore(request.store);
  const { path: store, site } = place;
  if (request.config !== undefined && request.config.site !== site)
    throw new HoldfastError(
      "E_CONFIG",
      `the store belongs to the site ${site}, but the config to ${request.config.site}`,
    );
  const asked = request.allSince === undefined ? [findRun(store, request.run)] : runsSince(store, request.allSince);
  const { config, sandbox, database, projects, workers, content, identities, evidence, changed } = request;
  const signing = openSigning(request.signing, store);
  const warnings = await sweepSandboxes(sandbox, database, options.signal);
  const common = { place, store, config, sandbox, database, projects, workers, content, identities, evidence, changed };
  const once = async (run: string): Promise<DrillEvidence> =>
    await drillRun({ ...common, run, signing }, { ...options, onNote: (text) => void warnings.push(text) });
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

/** Returns the runs from an id or a day (2026-11-20, 20261120) on, oldest first. Throws `E_USAGE`, `E_RUN_UNKNOWN`. */
function runsSince(store: string, since: string): string[] {
  const from = since.replaceAll(/[-:]/g, "");
  if (!/^\d{8}(T\d{6}Z)?$/.test(from))
    throw new HoldfastError("E_USAGE", `--all-since ${since}: neither a run nor a day`, {
      hint: "use a run like 20261120T020000Z or a day like 2026-11-20",
    });
  const runs = fullBackups(store).filter((run) => run >= from);
  if (runs.length === 0) throw new HoldfastError("E_RUN_UNKNOWN", `the store has no full backup since ${since}`);
  return runs;
}

/** Lists the full backups, oldest first. One with an unreadable manifest counts: its drill reports it. */
const fullBackups = (store: string): string[] =>
  listRuns(store).filter((run) => {
    try {
      const { kind, scope } = readManifestHead(runDirectory(store, run));
      return kind === "backup" && scope === "full";
    } catch {
      return true;
    }
  });
