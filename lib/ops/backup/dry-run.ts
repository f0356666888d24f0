/** `--dry-run` of a backup. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { EXIT } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { type StepContext, UNKNOWN_APP } from "../../steps/core/context.ts";
import type { Step } from "../../steps/core/step.ts";
import { findUncovered } from "../../steps/coverage/uncovered.ts";
import { nextRunId, stagingDirectory } from "../../store/files/layout.ts";
import type { BackupOptions, BackupOutcome, BackupRequest } from "./request.ts";
import { inThisProcess } from "./build/builders.ts";
import { runSteps } from "./build/run-steps.ts";
import { checkSelection, scopeOf } from "./select-steps.ts";
import { stepOptions } from "./step-options.ts";
import { destOf } from "./session.ts";
import { createContext } from "../../steps/core/create-context.ts";
import { configuredSeal } from "../../store/seal/configured.ts";
import { namesDirectory } from "../../store/sealed-names.ts";

/** Returns the context of steps that write nothing except into `scratch`. */
export function planningContext(
  config: SiteConfig,
  request: BackupRequest,
  textTypes: readonly string[],
  scratch: string,
  options: BackupOptions,
): StepContext {
  const store = path.resolve(destOf(config, request));
  const run = nextRunId(new Date(), undefined);
  const seal = configuredSeal(config);
  return createContext({
    config,
    options: stepOptions(config, request, textTypes, false),
    run,
    directory: stagingDirectory(store, run),
    scratch,
    copies: scratch,
    seal,
    store,
    names: namesDirectory(store, seal),
    keepsProjects: false,
    app: UNKNOWN_APP,
    signal: options.signal,
    report: options.report,
  });
}

/** `--dry-run`: the real selection and what would be built, with nothing written and no lock taken. */
export async function dryRun(
  config: SiteConfig,
  request: BackupRequest,
  steps: readonly Step[],
  textTypes: readonly string[],
  options: BackupOptions,
): Promise<BackupOutcome> {
  const scratch = mkdtempSync(path.join(tmpdir(), "holdfast-dry-run-"));
  const failures: BackupOutcome["failures"][number][] = [];
  const report: Report = (event) => {
    if (event.type === "failure") failures.push(event.failure);
    options.report(event);
  };
  const context = planningContext(config, request, textTypes, scratch, { ...options, report });
  let selected: readonly Step[];
  try {
    selected = await checkSelection(context, steps);
    report({
      type: "run_started",
      run: "dry-run",
      site: config.site,
      steps: selected.map((step) => step.name),
      resumed: false,
    });
    await runSteps(context, selected, { builderFor: inThisProcess(context), onUnit: () => {} });
  } finally {
    removeTree(fromString(scratch));
  }
  const failed = failures.filter((failure) => failure.severity === "failed").length;
  const totals = {
    units: 0,
    failed,
    skipped: failures.length - failed,
    accepted: 0,
    artifacts: 0,
    size_bytes: 0,
    written_bytes: 0,
    reused_bytes: 0,
  };
  const store = path.resolve(destOf(config, request));
  const uncovered = [
    ...(await findUncovered(config, store, context.claims, options.signal)),
    ...(await context.claims.leadingOut()),
  ];
  const status = failed === 0 ? "complete" : "partial";
  const summary = { dry_run: true, failed } as const;
  options.report({ type: "run_ended", run: "dry-run", status, duration_ms: 0, summary });
  return {
    run: "dry-run",
    path: null,
    status,
    scope: scopeOf(request, selected, textTypes),
    totals,
    failures,
    uncovered,
    claims: await context.claims.shown(),
    warnings: config.warnings,
    anomalies: [],
    duration_ms: 0,
    summary,
    alarmStatus: EXIT.ok,
    afterFailed: false,
  };
}
