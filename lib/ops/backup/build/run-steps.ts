/** Runs the steps of a backup: all are planned first, then what has changed is built; the dump goes on beside both. */
import { setMaxListeners } from "node:events";
import { HoldfastError } from "../../../errors.ts";
import type { Report } from "../../../model/event.ts";
import type { UnitMetadata } from "../../../model/unit.ts";
import type { UnitBuilder } from "../../../steps/core/local-builder.ts";
import type { StepContext } from "../../../steps/core/context.ts";
import type { Step } from "../../../steps/core/step.ts";
import { StepRun, type StepOutcome } from "../../../steps/core/run.ts";
import { TreeWalker } from "../../../steps/core/tree-walker.ts";
import { readManifestHead } from "../../../store/run/manifest.ts";
import { UnitXattrs } from "./unit-xattrs.ts";
import { buildAll, orStop, type StepQueue } from "./queue.ts";

/** Makes the builder of a step. */
export type BuilderFor = (
  step: Step,
  options: { readonly signal: AbortSignal; readonly report: Report },
) => UnitBuilder;

export interface RunStepsOptions {
  readonly builderFor: BuilderFor;
  /** Called with each unit that has become part of the run: its directory and its metadata. */
  readonly onUnit: (directory: string, metadata: UnitMetadata) => void;
}

/**
 * Runs the steps and returns what became of each. The dump comes first; the others begin when it has read the list of
 * projects. A full disk ends all of them, any other failure is that of its unit or step.
 */
export async function runSteps(
  given: StepContext,
  steps: readonly Step[],
  { builderFor, onUnit }: RunStepsOptions,
): Promise<StepOutcome[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([given.signal, stop.signal]);
  setMaxListeners(0, signal); // every program and thread of every step listens to it
  const context = { ...given, signal };
  const { workers } = context.options;
  const walker = new TreeWalker(isSmall(context.previous.newest) ? 0 : workers, signal);
  if (steps.length > 1) walker.warmUp();
  const builders: UnitBuilder[] = [];
  const xattrs = new UnitXattrs(context);
  const queueOf = async (step: Step, report: Report): Promise<StepQueue> => {
    const run = new StepRun({ ...context, report }, step, onUnit);
    const builder = builderFor(step, { signal, report });
    builders.push(builder);
    const units = await xattrs.addTo(step.name, await run.plan(walker));
    return { run, builder, units, busy: 0 };
  };
  const plan = async (some: readonly Step[]): Promise<StepQueue[]> =>
    await Promise.all(some.map(async (step) => await queueOf(step, context.report)));

  const dump = steps.find((step) => step.name === "db");
  const files = steps.filter((step) => step !== dump);
  let dumping: Promise<StepOutcome[]> = Promise.resolve([]);
  const projectsRead = new Promise<void>((resolve) => {
    if (dump === undefined) return resolve();
    const report = listenFor("projects", resolve, context.report);
    dumping = orStop(stop, async () => await buildAll([await queueOf(dump, report)], 1, stop)).finally(resolve);
  });
  const filing = orStop(stop, async () => {
    await projectsRead;
    const first = await plan(files.filter((step) => step.plannedLast !== true));
    const last = await plan(files.filter((step) => step.plannedLast === true));
    await walker.close();
    // One more than are built: the next one is at hand where one is done.
    return await buildAll([...first, ...last], workers + 1, stop);
  });
  const ended = await Promise.allSettled([dumping, filing]);
  await walker.close();
  await Promise.allSettled(builders.map(async (builder) => await builder.close()));
  given.signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  const outcomes = ended.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  return steps.map(({ name }) => {
    const outcome = outcomes.find(({ step }) => step === name);
    if (outcome === undefined) throw new HoldfastError("E_INTERNAL", `the step ${name} has no result`);
    return outcome;
  });
}

/** Checks by the newest run, if it is of the whole site, whether that is walked in less time than threads take to start. */
function isSmall(newest: string | undefined): boolean {
  if (newest === undefined) return false;
  try {
    const { kind, scope, totals } = readManifestHead(newest);
    const isWhole = kind === "backup" && scope === "full";
    return isWhole && totals.units <= SMALL_UNITS && totals.size_bytes <= SMALL_BYTES;
  } catch {
    return false; // `verify` names what is wrong with it
  }
}

const SMALL_UNITS = 200;
const SMALL_BYTES = 64 * 1024 * 1024;

const listenFor =
  (type: string, heard: () => void, report: Report): Report =>
  (event) => {
    if (event.type === type) heard();
    report(event);
  };
