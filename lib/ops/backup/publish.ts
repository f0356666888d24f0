/** Writes the documents of a run from what became of its steps, and publishes it. */
import type { SiteConfig } from "../../config/load.ts";
import { EXIT } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import type { Loss, Reuse, Scope } from "../../model/run.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { containersOf } from "../../steps/claims/containers.ts";
import { shortenUncovered } from "../../steps/coverage/uncovered.ts";
import type { StepOutcome } from "../../steps/core/run.ts";
import type { StepContext } from "../../steps/core/context.ts";
import type { Step } from "../../steps/core/step.ts";
import { sanitiseConfig } from "../../steps/infra/redact/site-config.ts";
import { writeSums } from "../../store/run/checksums.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { writeManifest } from "../../store/run/manifest.ts";
import { recordPlaces } from "../../store/run/places.ts";
import { REUSE_FILE } from "../../store/run/previous-runs.ts";
import { finishPublishing, publishRun, type RunPermissions } from "../../store/run/publish.ts";
import { guardRun, noGuard, type Guard } from "../anomalies/judge/guard.ts";
import { describeLoss, findLosses } from "../runs/losses.ts";
import { attempt } from "./attempt.ts";
import type { CollectedUnit } from "./documents/collected-unit.ts";
import { manifestHead, type MergedSteps } from "./merge-steps.ts";
import type { Published, BackupRequest } from "./request.ts";
import { restoreGuide } from "./documents/restore-guide.ts";
import { writeNames } from "./documents/names.ts";
import { scopeOf } from "./select-steps.ts";
import type { Session } from "./session.ts";
import { rememberPublished, signRun, type Signer } from "./signer.ts";

/** A run being made. */
export interface Work {
  readonly session: Session;
  readonly context: StepContext;
  readonly steps: readonly Step[];
  readonly permissions: RunPermissions;
  /** Undefined if runs are not signed. */
  readonly signer: Signer | undefined;
  /** Grows while the run goes on. */
  readonly warnings: readonly string[];
}

export interface PublishInput {
  readonly uncovered: readonly string[];
  readonly started: number;
  readonly closeLog: () => void;
  readonly report: Report;
  readonly signal: AbortSignal;
}

export interface Results {
  readonly merged: MergedSteps;
  readonly outcomes: readonly StepOutcome[];
  /** The units of the run, by directory. */
  readonly units: ReadonlyMap<string, CollectedUnit>;
}

/** Writes the documents of a run and publishes it. Throws if nothing was published. */
export async function publish(
  config: SiteConfig,
  request: BackupRequest,
  work: Work,
  { merged, outcomes, units }: Results,
  finish: PublishInput,
): Promise<Published> {
  const { session, context, steps, permissions, warnings, signer } = work;
  const { run, staging, store } = session;
  const scope = scopeOf(request, steps, context.options.textTypes);
  const startedAt = new Date(finish.started).toISOString();
  const losses = lossesOf(request, scope, store.path, merged);
  const guard = await guardOf(config, request, scope, { session, merged, units, report: finish.report });
  const head = manifestHead(merged, {
    run,
    site: config.site,
    kind: request.safety === undefined ? "backup" : "safety",
    scope,
    name: request.name,
    description: request.description,
    tags: request.tags,
    startedAt,
    store,
    seal: context.seal,
    losses,
    anomalies: guard.anomalies,
  });
  for (const loss of losses)
    finish.report({
      type: "note",
      level: "error",
      text: `${describeLoss(loss)}: the run ${run} does not become latest`,
    });
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
  const guide = restoreGuide(inOrder, head, config, places, { seal: context.seal, signer: signer?.principal });
  const sealed = await writeNames({ ...context, signal: finish.signal }, guide, places);
  writeManifest(staging, { ...head, ...sealed }, merged.listed, {
    failures: merged.failures,
    uncovered: shortenUncovered(finish.uncovered),
    warnings,
  });
  finish.closeLog();
  await writeSums(staging, documents.digests, finish.signal);
  if (signer !== undefined) await signRun(signer, staging, finish.signal);
  finish.signal.throwIfAborted();
  await publishRun(store.path, run, permissions, {
    beforeRename: () => session.locks.assertHeld(),
    signal: finish.signal,
  });
  const linked = await attempt(
    "the run is published, but its links could not be set",
    finish.report,
    async () => await finishPublishing(store.path),
  );
  const remembered =
    signer === undefined ||
    (await attempt(
      "the run is published and signed, but this host could not remember it",
      finish.report,
      async () => await rememberPublished(store, run),
    ));
  const kept = await attempt(
    "the run is published, but its history could not be kept",
    finish.report,
    async () => await guard.finish(head),
  );
  const { status, totals, anomalies } = head;
  return {
    run,
    path: runDirectory(store.path, run),
    status,
    scope,
    totals,
    failures: merged.failures,
    uncovered: finish.uncovered,
    warnings,
    anomalies,
    alarmStatus: anomalies.some(({ level }) => level === "alarm") ? config.anomalies.exit : EXIT.ok,
    afterFailed: !linked || !kept || !remembered,
  };
}

/** Judges a full backup; selections and safety runs are not compared with the history of the site. */
async function guardOf(
  config: SiteConfig,
  { safety }: BackupRequest,
  scope: Scope,
  { session, merged, units, report }: Pick<Work, "session"> & Pick<Results, "merged" | "units"> & { report: Report },
): Promise<Guard> {
  const { store, run } = session;
  if (safety !== undefined || scope !== "full") return noGuard(store.path);
  const facts = [...units.values()].map((unit) => unit.facts);
  const found = { units: facts, failures: merged.failures };
  return await guardRun(store.path, run, found, { settings: config.anomalies, report });
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
