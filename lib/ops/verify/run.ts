/**
 * Proves a published run: what its documents say of each other, of the files and of the site's own rows, and, unless it
 * is to be quick, every byte of every file. Changes nothing of it, and takes no lock; the run is pinned meanwhile. What
 * was found is kept as evidence.
 */
import { STEPS } from "../../steps/registry.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { collectGarbage } from "../../exec/v8-memory.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { sweepSandboxes } from "../scratch/sandbox.ts";
import { findRun } from "../runs/find-run.ts";
import { checkArchives } from "./stored/archives.ts";
import { checkProjectCounts, checkUnitCounts } from "./stored/counts.ts";
import { checkAudioDatabases, checkDumps } from "./stored/databases.ts";
import { checkCompiledPages } from "./deep/compiled-pages.ts";
import { checkRestoredDumps, requireScratchServer, type RestoredDumps } from "./deep/databases.ts";
import { writeVerifyEvidence } from "./evidence.ts";
import { checkFailures } from "./stored/failures.ts";
import { checkChecksums, checkFiles, checkSizes } from "./stored/files.ts";
import { checkDocuments, checkRunId, checkSite, checkVersions } from "./stored/identity.ts";
import { checkIndexes } from "./stored/indexes.ts";
import { checkTimes, checkTotals } from "./stored/manifest.ts";
import { checkLiveProjects, checkLiveRows, checkLiveUnits } from "./live/projects-and-rows.ts";
import { checkLiveTrees } from "./live/trees.ts";
import { checkMigrations } from "./stored/migrations.ts";
import { ArtifactReaders } from "../checks/artifact-readers.ts";
import { checkReferences } from "./stored/references.ts";
import { sampleSurvey, showSample, type Sample } from "./inventory/sample.ts";
import { takeInventory, type RunInventory } from "./inventory/run-inventory.ts";
import type { Check, CheckId, Finding, Verification } from "../checks/check.ts";

export type { Check, Verification } from "../checks/check.ts";

export interface VerifyRequest {
  /** Path of the store. */
  readonly store: string;
  /** A run's id, or `latest`. */
  readonly run: string;
  /** Documents and sizes only; no artifact is read. */
  readonly quick: boolean;
  /** The part of the artifacts to read; all when absent. */
  readonly sample?: Sample;
  /** Restore the dumps into scratch databases as well, and open compiled texts in a browser. */
  readonly deep?: boolean;
  /** URL of a server for scratch databases; a private one when absent. */
  readonly scratch?: string | undefined;
  /** Null where there is no browser; that of this host when absent. */
  readonly chromium?: string | null;
  /** Compare with the current site as well; needs the config. */
  readonly live?: boolean;
  /** A directory for the evidence; the store when absent. */
  readonly evidence?: string | undefined;
  /** The config of the site; without it the application is not asked. */
  readonly config?: SiteConfig | undefined;
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Hears of each check as soon as it is done. */
  readonly onCheck?: (check: Check) => void;
  /** Hears how many bytes have been read, and about how many there are. */
  readonly onBytes?: (done: number, total: number) => void;
}

/**
 * Verifies a run and gives a check for each item of the list; what is wrong with a run is a failed check and never
 * thrown. Throws `E_STORE` when there is no store, `E_RUN_UNKNOWN`, `E_VERSION` when a newer Holdfast wrote the run,
 * `E_CONFIG` for a config of another site, `E_DATABASE` when the server for scratch databases does not answer.
 */
export async function verify(request: VerifyRequest, options: VerifyOptions): Promise<Verification> {
  const started = new Date();
  const store = await findStore(request.store);
  if (request.config !== undefined && request.config.site !== store.site)
    throw new HoldfastError("E_CONFIG", `the store is of the site ${store.site}, the config of ${request.config.site}`);
  if (request.live === true && request.config === undefined)
    throw new HoldfastError("E_USAGE", "a comparison with the live site needs its config", {
      hint: "name it with --config",
    });
  const run = findRun(store.path, request.run);
  const notes: string[] = [];
  if (request.deep === true) {
    if (request.scratch !== undefined) await requireScratchServer(request.scratch, options.signal);
    notes.push(...(await sweepSandboxes(undefined, request.scratch, options.signal)));
  }
  let readers: ArtifactReaders | undefined;
  const unpin = await pinRun(store.path, run, "verify");
  try {
    const survey = await takeInventory(store, run, runDirectory(store.path, run), options.signal);
    collectGarbage(); // of the documents: what is read from here on is read by other threads, so that nothing would ask for it
    const sampled = request.sample === undefined ? survey : sampleSurvey(survey, request.sample);
    const checks: Check[] = [];
    let read = 0;
    const total = bytesToRead(sampled);
    readers = new ArtifactReaders(request.quick ? 0 : sizeOf(sampled), options.signal, (bytes) =>
      options.onBytes?.((read += bytes), total),
    );
    const work: Work = {
      request,
      readers,
      archives: beginArchives(readers, options.signal),
      restored: restoreOnce(request.scratch, options.signal),
      signal: options.signal,
    };
    for (const item of CHECKS) {
      options.signal.throwIfAborted();
      if ((request.quick && item.reads) || isNotAskedFor(item, request)) continue;
      const finding = await item.check(item.reads && item.whole !== true ? sampled : survey, work);
      if (finding === undefined) continue;
      const check = toCheck(item, finding);
      checks.push(check);
      options.onCheck?.(check);
    }
    const result = {
      run,
      quick: request.quick,
      deep: request.deep === true,
      live: request.live === true,
      sample: request.sample === undefined ? null : showSample(request.sample),
      ok: checks.every((check) => check.ok),
      checks,
    };
    const kept = await writeVerifyEvidence(survey, started, result, request.evidence, options.signal);
    return { ...result, evidence: kept.file, notes: [...notes, ...kept.notes] };
  } finally {
    await readers?.close();
    unpin();
  }
}

interface Item {
  readonly id: CheckId;
  readonly title: string;
  /** It reads artifacts, or asks the site: not for a quick verification. */
  readonly reads: boolean;
  /** It tells of the run as a whole: never of a sample. */
  readonly whole?: true;
  /** The option that requests the check; without one it is always made. */
  readonly only?: "deep" | "live";
  /** Undefined when there is nothing to check. */
  readonly check: (survey: RunInventory, work: Work) => Promise<Finding | undefined> | Finding | undefined;
}

interface Work {
  readonly request: VerifyRequest;
  readonly readers: ArtifactReaders;
  readonly archives: (survey: RunInventory) => ReadonlyMap<StepName, Promise<Finding | undefined>>;
  readonly restored: (survey: RunInventory) => Promise<RestoredDumps>;
  readonly signal: AbortSignal;
}

/**
 * The archives of all steps are read at the same time, from when the first are asked for: one step may have one large
 * archive only.
 */
function beginArchives(readers: ArtifactReaders, signal: AbortSignal): Work["archives"] {
  let begun: ReadonlyMap<StepName, Promise<Finding | undefined>> | undefined;
  return (survey) => {
    begun ??= new Map(
      STEP_NAMES.map((step) => {
        const finding = checkArchives(survey, step, readers, signal);
        finding.catch(() => {}); // it is told of by the check that waits for it
        return [step, finding];
      }),
    );
    return begun;
  };
}

/** Returns a function that restores the dumps once, for the checks that share them. */
function restoreOnce(scratch: string | undefined, signal: AbortSignal): Work["restored"] {
  let begun: Promise<RestoredDumps> | undefined;
  return async (survey) => await (begun ??= checkRestoredDumps(survey, scratch, signal));
}

/** Every file is hashed, and every archive read through. */
const bytesToRead = ({ files }: RunInventory): number =>
  Array.from(files).reduce((sum, [name, { size }]) => sum + size * (/\.(?:zip|tgz)$/.test(name) ? 2 : 1), 0);

const sizeOf = ({ files }: RunInventory): number => Array.from(files.values()).reduce((sum, { size }) => sum + size, 0);

/** The list, in the order in which it is shown. */
const CHECKS: readonly Item[] = [
  { id: "project_counts", title: "project counts", reads: false, check: checkProjectCounts },
  { id: "unit_counts", title: "unit counts", reads: false, check: checkUnitCounts },
  { id: "indexes", title: "indexes", reads: false, check: checkIndexes },
  { id: "failures", title: "failures", reads: false, check: checkFailures },
  { id: "files", title: "files", reads: false, check: checkFiles },
  { id: "sizes", title: "sizes", reads: false, check: checkSizes },
  {
    id: "checksums",
    title: "checksums",
    reads: true,
    check: (survey, { readers, signal }) => checkChecksums(survey, readers, signal),
  },
  ...STEP_NAMES.map((step): Item => ({
    id: `archives_${step}`,
    title: STEPS[step].archives,
    reads: true,
    check: async (survey, { archives }) => await archives(survey).get(step),
  })),
  {
    id: "audio_databases",
    title: "audio databases",
    reads: true,
    check: (survey, { signal }) => checkAudioDatabases(survey, signal),
  },
  {
    id: "database_dump",
    title: "database dump",
    reads: true,
    check: (survey, { signal }) => checkDumps(survey, signal),
  },
  {
    id: "database_restore",
    title: "database restore",
    reads: true,
    only: "deep",
    check: async (survey, { restored }) => (await restored(survey)).dumps,
  },
  {
    id: "portable_import",
    title: "portable import",
    reads: true,
    only: "deep",
    check: async (survey, { restored }) => (await restored(survey)).portable,
  },
  {
    id: "compiled_pages",
    title: "compiled pages",
    reads: true,
    only: "deep",
    check: (survey, { request: { sample, chromium }, signal }) =>
      checkCompiledPages(survey, { all: sample !== undefined, chromium }, signal),
  },
  {
    id: "references",
    title: "references",
    reads: true,
    whole: true,
    check: (survey, { signal }) => checkReferences(survey, signal),
  },
  {
    id: "migrations",
    title: "migrations",
    reads: true,
    whole: true,
    check: (survey, { request: { config }, signal }) => checkMigrations(survey, config, signal),
  },
  {
    id: "live_projects",
    title: "projects now",
    reads: true,
    whole: true,
    only: "live",
    check: (survey, { request: { config }, signal }) => config && checkLiveProjects(survey, config, signal),
  },
  {
    id: "live_units",
    title: "places now",
    reads: true,
    whole: true,
    only: "live",
    check: (survey, { request: { config } }) => config && checkLiveUnits(survey, config),
  },
  {
    id: "live_rows",
    title: "rows now",
    reads: true,
    whole: true,
    only: "live",
    check: (survey, { request: { config }, signal }) => config && checkLiveRows(survey, config, signal),
  },
  {
    id: "live_trees",
    title: "trees now",
    reads: true,
    whole: true,
    only: "live",
    check: (survey, { request: { config, sample }, signal }) =>
      config &&
      checkLiveTrees(survey, config, sample === undefined ? undefined : sampleSurvey(survey, sample).units, signal),
  },
  { id: "manifest_totals", title: "manifest totals", reads: false, check: checkTotals },
  { id: "manifest_times", title: "manifest times", reads: false, check: checkTimes },
  { id: "documents", title: "documents", reads: false, check: checkDocuments },
  { id: "run_id", title: "run id", reads: false, check: checkRunId },
  { id: "site", title: "site", reads: false, check: checkSite },
  { id: "format_versions", title: "format versions", reads: false, check: checkVersions },
];

const isNotAskedFor = ({ only }: Item, { deep, live }: VerifyRequest): boolean =>
  (only === "deep" && deep !== true) || (only === "live" && live !== true);

function toCheck({ id, title }: Item, { figure, problems, notes, notProved }: Finding): Check {
  const state = problems.length > 0 ? "failed" : notProved === undefined ? "ok" : "not proved";
  return {
    id,
    title,
    state,
    ok: state !== "failed",
    figure: notProved === undefined ? figure : `${figure}; not proved: ${notProved}`,
    problems,
    ...(notes === undefined ? {} : { notes }),
  };
}
