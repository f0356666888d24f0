/** The checks of a verification, in the order in which they are shown. */
import type { Signing } from "../../config/settings/signing.ts";
import { STEPS } from "../../steps/registry.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import { checkArchives } from "./stored/archives.ts";
import { checkProjectCounts, checkUnitCounts } from "./stored/counts.ts";
import { checkAudioDatabases, checkDumps } from "./stored/databases.ts";
import { checkCompiledPages } from "./deep/compiled-pages.ts";
import { checkRestoredDumps, type RestoredDumps } from "./deep/databases.ts";
import { checkFailures } from "./stored/failures.ts";
import { checkChecksums, checkFiles, checkSizes } from "./stored/files.ts";
import { checkDocuments, checkRunId, checkSite, checkVersions } from "./stored/identity.ts";
import { checkIndexes } from "./stored/indexes.ts";
import { checkTimes, checkTotals } from "./stored/manifest.ts";
import { checkLiveProjects, checkLiveRows, checkLiveUnits } from "./live/projects-and-rows.ts";
import { checkLiveTrees } from "./live/trees.ts";
import { checkMigrations } from "./stored/migrations.ts";
import type { ArtifactReaders } from "../checks/artifact-readers.ts";
import { checkSigned } from "../signing/store-problems.ts";
import { checkReferences } from "./stored/references.ts";
import { sampleSurvey } from "./inventory/sample.ts";
import type { RunInventory } from "./inventory/run-inventory.ts";
import type { Check, CheckId, Finding } from "../checks/check.ts";
import type { VerifyRequest } from "./request.ts";

export interface Item {
  readonly id: CheckId;
  readonly title: string;
  /** It reads artifacts, or asks the site: not for a quick verification. */
  readonly reads: boolean;
  /** It tells of the run as a whole: never of a sample. */
  readonly whole?: true;
  /** Tells which artifacts it looks into, by their plain names: of sealed ones it reads a plain copy. */
  readonly content?: (artifact: { readonly step: StepName; readonly name: string }) => boolean;
  /** The option that requests the check; without one it is always made. */
  readonly only?: "deep" | "live";
  /** Undefined when there is nothing to check. */
  readonly check: (survey: RunInventory, context: CheckContext) => Promise<Finding | undefined> | Finding | undefined;
}

/** The state that the checks of one verification share. */
export interface CheckContext {
  readonly request: VerifyRequest;
  readonly readers: ArtifactReaders;
  /** The signers whose signatures count. */
  readonly signing: Signing | undefined;
  readonly archives: (survey: RunInventory) => ReadonlyMap<StepName, Promise<Finding | undefined>>;
  readonly restored: (survey: RunInventory) => Promise<RestoredDumps>;
  readonly signal: AbortSignal;
}

/** Returns what the checks of a verification share. */
export function checkContext(
  request: VerifyRequest,
  { readers, signing, signal }: Pick<CheckContext, "readers" | "signing" | "signal">,
): CheckContext {
  return {
    request,
    readers,
    signing,
    archives: beginArchives(readers, signal),
    restored: restoreOnce(request.scratch, signal),
    signal,
  };
}

/**
 * The archives of all steps are read at the same time, from when the first are asked for: one step may have one large
 * archive only.
 */
function beginArchives(readers: ArtifactReaders, signal: AbortSignal): CheckContext["archives"] {
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
function restoreOnce(scratch: string | undefined, signal: AbortSignal): CheckContext["restored"] {
  let begun: Promise<RestoredDumps> | undefined;
  return async (survey) => await (begun ??= checkRestoredDumps(survey, scratch, signal));
}

export const CHECKS: readonly Item[] = [
  {
    id: "signature",
    title: "signature",
    reads: false,
    check: async (survey, { signing, signal }) => await checkSigned(survey.store, survey.run, signing, signal),
  },
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
    content: (one) => one.step === step && /\.(?:zip|tgz)$/.test(one.name),
    check: async (survey, { archives }) => await archives(survey).get(step),
  })),
  {
    id: "audio_databases",
    title: "audio databases",
    reads: true,
    content: ({ step, name }) => step === "audio_cache" && name.endsWith(".db"),
    check: (survey, { signal }) => checkAudioDatabases(survey, signal),
  },
  {
    id: "database_dump",
    title: "database dump",
    reads: true,
    content: ({ step }) => step === "db",
    check: (survey, { signal }) => checkDumps(survey, signal),
  },
  {
    id: "database_restore",
    title: "database restore",
    reads: true,
    content: ({ step }) => step === "db",
    only: "deep",
    check: async (survey, { restored }) => (await restored(survey)).dumps,
  },
  {
    id: "portable_import",
    title: "portable import",
    reads: true,
    content: ({ step }) => step === "portable",
    only: "deep",
    check: async (survey, { restored }) => (await restored(survey)).portable,
  },
  {
    id: "compiled_pages",
    title: "compiled pages",
    reads: true,
    content: ({ step }) => step === "compiled_exports",
    only: "deep",
    check: (survey, { request: { sample, chromium }, signal }) =>
      checkCompiledPages(survey, { all: sample !== undefined, chromium }, signal),
  },
  {
    id: "references",
    title: "references",
    reads: true,
    content: ({ step }) => step === "db",
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
    content: () => true,
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

/** Tells whether a check needs an option that is not set. */
export const isNotAskedFor = ({ only }: Item, { deep, live }: VerifyRequest): boolean =>
  (only === "deep" && deep !== true) || (only === "live" && live !== true);

/** Returns the check of a finding, as it is shown. */
export function toCheck({ id, title }: Item, { figure, problems, notes, notProved }: Finding): Check {
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
