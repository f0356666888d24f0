/**
 * The main job: lock → staging → dump and projects → file steps → merge → publish → latest. docs/design.md tells the
 * order.
 */
import { rmSync } from "node:fs";
import path from "node:path";
import { loadConfig, type SiteConfig } from "../../config/load.ts";
import { asHoldfastError, isDiskFull } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import type { Loss, Scope } from "../../model/run.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { logReport } from "../../report/log.ts";
import { applicationState } from "../../steps/application.ts";
import { type StepContext, UNKNOWN_APP } from "../../steps/core/context.ts";
import type { Step } from "../../steps/core/step.ts";
import { containersOf } from "../../steps/claims/containers.ts";
import { findUncovered, shortenUncovered } from "../../steps/coverage/uncovered.ts";
import { sanitiseConfig } from "../../steps/infra/redact/site-config.ts";
import { PROJECTS_FILE } from "../../steps/core/projects.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { keepFailedLog } from "../../store/run/failed-log.ts";
import { MANIFEST_FILE, writeManifest } from "../../store/run/manifest.ts";
import { recordPlaces, PLACES_FILE } from "../../store/run/places.ts";
import { finishPublishing, publishRun, shareStore, type RunPermissions } from "../../store/run/publish.ts";
import { restoreGuide } from "./restore-guide.ts";
import { LOG_FILE, tidyStaging } from "../../store/run/resume.ts";
import { REUSE_FILE, type Reuse } from "../../store/run/previous-runs.ts";
import { SUMS_FILE, writeSums } from "../../store/run/checksums.ts";
import type { StepOutcome } from "../../steps/core/run.ts";
import type { BackupOptions, BackupOutcome, BackupRequest } from "./request.ts";
import { runHook, runLateHook } from "./hooks.ts";
import { describeLoss, findLosses } from "../runs/losses.ts";
import { collectedUnit, type CollectedUnit } from "./collected-unit.ts";
import { manifestHead, mergeSteps, type MergedSteps } from "./merge-steps.ts";
import { runPermissions } from "./permissions.ts";
import { planningContext, dryRun } from "./dry-run.ts";
import { inProcesses, inThisProcess } from "./builders.ts";
import { runSteps } from "./run-steps.ts";
import { checkSelection, chooseSteps, scopeOf } from "./select-steps.ts";
import { chooseTextTypes, stepOptions } from "./step-options.ts";
import { beginSession, type Session } from "./session.ts";
import { createContext } from "../../steps/core/create-context.ts";

/** Documents of a run that the merge writes; a resumed run writes them again. */
const MERGED_FILES = [MANIFEST_FILE, SUMS_FILE, "failures.json", "RESTORE.md", "site.yaml", PLACES_FILE, REUSE_FILE];

/** The time limit of `hooks.on_error`: the signal that would end it may be the error itself. */
const ON_ERROR_MS = 60_000;

/**
 * Backs up a site into its store and gives what came of it; with failed units the run is published as `partial`.
 * Throws, with nothing published, when the store, the lock, the config or the disk forbid it, or when not one unit
 * could be made.
 */
export async function backup(request: BackupRequest, options: BackupOptions): Promise<BackupOutcome> {
  const config = loadConfig(request.config, process.env);
  const steps = await chooseSteps(config, request);
  const textTypes = chooseTextTypes(config, request.textTypes);
  const interrupt = new AbortController();
  const signal = AbortSignal.any([options.signal, interrupt.signal]);
  for (const warning of config.warnings) options.report({ type: "note", level: "warning", text: warning });
  if (request.dryRun) return await dryRun(config, request, steps, textTypes, { ...options, signal });

  const selected = await checkSelection(planningContext(config, request, textTypes, "", { ...options, signal }), steps);
  const permissions = await runPermissions(config, signal);
  const warnings = [...config.warnings];
  const report: Report = (event) => {
    if (event.type === "note" && event.level !== "info") warnings.push(event.text);
    options.report(event);
  };
  const session = await beginSession(config, request, signal, report, (error) => interrupt.abort(error));
  let outcome: BackupOutcome;
  try {
    shareStore(session.store.path, permissions);
    if (session.resumed)
      tidyStaging(
        session.staging,
        selected.map((step) => step.name),
      );
    const context = contextOf(config, request, textTypes, session, { report, signal });
    const work = { session, context, steps: selected, permissions, warnings };
    outcome = await writeRun(config, request, work, { report, signal });
  } catch (error) {
    // Finished units are worth keeping for --resume, but not at the price of a disk that stays full.
    const keepStaging = signal.aborted && !isDiskFull(error);
    const { store, run, staging } = session;
    if (!keepStaging)
      await attempt("the log of the failed run could not be kept", report, async () =>
        keepFailedLog(store.path, run, staging),
      );
    await session.end(keepStaging);
    throw error;
  }
  const tidied = await attempt(
    "the run is published, but the store could not be tidied",
    report,
    async () => await session.end(false),
  );
  return { ...outcome, afterFailed: outcome.afterFailed || !tidied };
}

/**
 * Does what decides nothing any more: a failure is reported, and changes nothing of the outcome. Returns false when it
 * failed.
 */
async function attempt(what: string, report: Report, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    report({
      type: "note",
      level: "error",
      text: `${what}: ${asHoldfastError(error).message}`,
    });
    return false;
  }
}

interface Work {
  readonly session: Session;
  readonly context: StepContext;
  readonly steps: readonly Step[];
  readonly permissions: RunPermissions;
  /** Grows while the run goes on. */
  readonly warnings: readonly string[];
}

async function writeRun(
  config: SiteConfig,
  request: BackupRequest,
  work: Work,
  options: BackupOptions,
): Promise<BackupOutcome> {
  const { session, steps } = work;
  const { signal } = options;
  const started = Date.now();
  const log = logReport(path.join(session.staging, LOG_FILE));
  const report: Report = (event) => {
    log.report(event);
    options.report(event);
  };
  try {
    if (request.safety === undefined) await runHook(config, "before", signal);
    report({
      type: "run_started",
      run: session.run,
      site: config.site,
      steps: steps.map((step) => step.name),
      resumed: session.resumed,
    });
    const app = await applicationState(config, signal);
    const context: StepContext = { ...work.context, app, report };
    const { run } = session;
    const units = new Map<string, CollectedUnit>();
    const outcomes = await runSteps(context, steps, {
      builderFor: request.inProcess ? inThisProcess(context) : inProcesses(context),
      onUnit: (directory, metadata) => units.set(directory, collectedUnit(metadata)),
    });
    const merged = mergeSteps(run, outcomes, units);
    const uncovered = [
      ...(await findUncovered(config, session.store.path, context.claims, signal)),
      ...(await context.claims.leadingOut()),
    ];
    const finish = { uncovered, started, closeLog: log.close, signal, report };
    const published = await publish(config, request, { ...work, context }, { merged, outcomes, units }, finish);
    const after = request.safety !== undefined || (await runLateHook(config, "after", signal, options.report));
    const outcome = { ...published, afterFailed: published.afterFailed || !after };
    options.report({
      type: "run_ended",
      run,
      status: outcome.status,
      duration_ms: Date.now() - started,
      summary: summaryOf(outcome, merged),
    });
    return outcome;
  } catch (error) {
    log.report({ type: "note", level: "error", text: asHoldfastError(error).message });
    log.close();
    options.report({ type: "run_failed", run: session.run });
    if (request.safety === undefined)
      await runLateHook(config, "on_error", AbortSignal.timeout(ON_ERROR_MS), options.report);
    throw error;
  }
}

interface PublishInput {
  readonly uncovered: readonly string[];
  readonly started: number;
  readonly closeLog: () => void;
  readonly report: Report;
  readonly signal: AbortSignal;
}

interface Results {
  readonly merged: MergedSteps;
  readonly outcomes: readonly StepOutcome[];
  /** By their directories. */
  readonly units: ReadonlyMap<string, CollectedUnit>;
}

async function publish(
  config: SiteConfig,
  request: BackupRequest,
  work: Work,
  { merged, outcomes, units }: Results,
  finish: PublishInput,
): Promise<BackupOutcome> {
  const { session, context, steps, permissions, warnings } = work;
  const { run, staging, store } = session;
  const scope = scopeOf(request, steps, context.options.textTypes);
  const startedAt = new Date(finish.started).toISOString();
  const losses = lossesOf(request, scope, store.path, merged);
  const head = manifestHead(merged, {
    run,
    site: config.site,
    kind: request.safety === undefined ? "backup" : "safety",
    scope,
    name: request.name,
    description: request.description,
    tags: request.tags,
    startedAt,
    store: store.path,
    losses,
  });
  for (const loss of losses)
    finish.report({
      type: "note",
      level: "error",
      text: `${describeLoss(loss)}: the run ${run} does not become latest`,
    });
  for (const file of MERGED_FILES) rmSync(path.join(staging, file), { force: true });
  const { documents } = context;
  documents.write("failures.json", merged.failures);
  documents.write(REUSE_FILE, reuseOf(outcomes));
  documents.writeText("site.yaml", sanitiseConfig(config.text));
  const inOrder = outcomes.flatMap((outcome) => outcome.units.flatMap((directory) => units.get(directory) ?? []));
  const places = recordPlaces(
    inOrder.flatMap((unit) => unit.places),
    config.root,
    containersOf(config),
  );
  documents.write(PLACES_FILE, places);
  documents.writeText("RESTORE.md", restoreGuide(inOrder, head, config, places));
  const listed = outcomes.map(({ step, index, units: own }) => ({
    step,
    summary: merged.steps.get(step),
    index,
    units: own,
  }));
  writeManifest(staging, head, listed, {
    failures: merged.failures,
    uncovered: shortenUncovered(finish.uncovered),
    warnings,
  });
  finish.closeLog();
  await writeSums(staging, documents.digests, finish.signal);
  finish.signal.throwIfAborted();
  await publishRun(store.path, run, permissions, {
    beforeRename: () => session.assertHeld(),
    signal: finish.signal,
  });
  const linked = await attempt(
    "the run is published, but its links could not be set",
    finish.report,
    async () => await finishPublishing(store.path),
  );
  const { status, totals } = head;
  return {
    run,
    path: runDirectory(store.path, run),
    status,
    scope,
    totals,
    failures: merged.failures,
    uncovered: finish.uncovered,
    warnings,
    afterFailed: !linked,
  };
}

/** Returns how many runs took each unit over without reading it, by the unit's directory. */
const reuseOf = (outcomes: readonly StepOutcome[]): Reuse => ({
  format_version: FORMAT_VERSION,
  unread_runs: Object.fromEntries(
    outcomes.flatMap(({ unread }) => [...unread]).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ),
});

/** Returns the losses that keep a full backup from becoming latest. A step that failed as a whole is never accepted. */
function lossesOf({ safety, acceptLoss }: BackupRequest, scope: Scope, store: string, merged: MergedSteps): Loss[] {
  if (safety !== undefined || scope !== "full") return [];
  return findLosses(store, merged.steps, merged.failures).filter(({ reason }) => reason === "failed" || !acceptLoss);
}

function contextOf(
  config: SiteConfig,
  request: BackupRequest,
  textTypes: readonly string[],
  session: Session,
  options: BackupOptions,
): StepContext {
  return createContext({
    config,
    options: stepOptions(config, request, textTypes, session.resumed),
    run: session.run,
    directory: session.staging,
    scratch: session.scratch,
    store: session.store.path,
    projectsFile: path.join(session.staging, PROJECTS_FILE),
    app: UNKNOWN_APP,
    signal: options.signal,
    report: options.report,
  });
}

/** The last message: totals, and how many units each step built, reused or resumed. */
function summaryOf(outcome: BackupOutcome, merged: MergedSteps): Record<string, unknown> {
  const sum = (pick: (step: { reused: number; resumed: number; units: number }) => number): number =>
    [...merged.steps.values()].reduce((total, step) => total + pick(step), 0);
  return {
    path: outcome.path,
    ...outcome.totals,
    ...merged.work,
    units_built: sum((step) => step.units - step.reused - step.resumed),
    units_reused: sum((step) => step.reused),
    units_resumed: sum((step) => step.resumed),
    steps: Object.fromEntries(merged.steps),
    uncovered: shortenUncovered(outcome.uncovered),
  };
}
