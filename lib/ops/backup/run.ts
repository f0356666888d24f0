/**
 * The main job: lock → staging → dump and projects → file steps → merge → publish → latest. docs/design.md tells the
 * order.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { loadConfig, type SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError, isDiskFull } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { logReport } from "../../report/log.ts";
import { applicationState } from "../../steps/application.ts";
import { type StepContext, UNKNOWN_APP } from "../../steps/core/context.ts";
import { findUncovered, shortenUncovered } from "../../steps/coverage/uncovered.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { keepFailedLog } from "../../store/run/failed-log.ts";
import { shareStore } from "../../store/run/publish.ts";
import { LOG_FILE, tidyStaging } from "../../store/run/resume.ts";
import type { BackupOptions, BackupOutcome, BackupRequest, Published, RunSummary } from "./request.ts";
import { runHook, runLateHook } from "./hooks.ts";
import { collectedUnit, type CollectedUnit } from "./documents/collected-unit.ts";
import { mergeSteps, type MergedSteps } from "./merge-steps.ts";
import { runPermissions } from "./permissions.ts";
import { planningContext, dryRun } from "./dry-run.ts";
import { inProcesses, inThisProcess } from "./build/builders.ts";
import { runSteps } from "./build/run-steps.ts";
import { checkSelection, chooseSteps } from "./select-steps.ts";
import { chooseTextTypes, stepOptions } from "./step-options.ts";
import { beginSession, type Session } from "./session.ts";
import { createContext } from "../../steps/core/create-context.ts";
import { attempt } from "./attempt.ts";
import { pruneAfterBackup } from "./prune.ts";
import { prepareSigner, reusableRuns } from "./signer.ts";
import { publish, type Work } from "./publish.ts";
import { noteResealing } from "../sealed/resealing.ts";

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
    noteResealing(session.store.path, session, report);
    const signer = await prepareSigner(config.signing, session, { report, signal });
    const reusable = await reusableRuns(signer, session, { report, signal });
    const context = contextOf(config, request, textTypes, { ...session, reusable }, { report, signal });
    const work = { session, context, steps: selected, permissions, warnings, signer };
    outcome = await writeRun(config, request, work, { report, signal });
    if (request.safety === undefined && config.retention?.after_backup === true)
      await pruneAfterBackup({ config, signing: signer?.signing }, session, request.command, { report, signal });
  } catch (error) {
    // Finished units are worth keeping for --resume, but not at the price of a disk that stays full.
    const { store, run, staging } = session;
    const keepStaging = (signal.aborted || onlySignatureLacks(error, staging)) && !isDiskFull(error);
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

/** Checks whether a run was whole but for its signature, so that --resume needs to do no more than sign it. */
const onlySignatureLacks = (error: unknown, staging: string): boolean =>
  error instanceof HoldfastError && error.code === "E_SIGNING" && existsSync(path.join(staging, SUMS_FILE));

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
    const [summary, duration_ms] = [summaryOf(outcome, merged), Date.now() - started];
    options.report({ type: "run_ended", run, status: outcome.status, duration_ms, summary: { ...summary } });
    return { ...outcome, duration_ms, summary };
  } catch (error) {
    log.report({ type: "note", level: "error", text: asHoldfastError(error).message });
    log.close();
    options.report({ type: "run_failed", run: session.run });
    if (request.safety === undefined)
      await runLateHook(config, "on_error", AbortSignal.timeout(ON_ERROR_MS), options.report);
    throw error;
  }
}

function contextOf(
  config: SiteConfig,
  request: BackupRequest,
  textTypes: readonly string[],
  session: Session & { readonly reusable: readonly string[] | undefined },
  options: BackupOptions,
): StepContext {
  return createContext({
    config,
    options: stepOptions(config, request, textTypes, session.resumed),
    run: session.run,
    directory: session.staging,
    scratch: session.scratch,
    copies: session.copies,
    seal: session.seal,
    store: session.store.path,
    reusable: session.reusable,
    names: session.names,
    keepsProjects: true,
    app: UNKNOWN_APP,
    signal: options.signal,
    report: options.report,
  });
}

/** The last message: totals, and how many units each step built, reused or resumed. */
function summaryOf(outcome: Published, merged: MergedSteps): RunSummary {
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
    anomalies: outcome.anomalies,
  };
}
