/** The units that have to be built, of all steps: while any is left, as many are built as there are workers. */
import type { UnitBuilder } from "../../../steps/core/local-builder.ts";
import type { StepOutcome, StepRun } from "../../../steps/core/run.ts";
import type { UnitPlan } from "../../../steps/core/unit-plan.ts";

/** A planned step with the units that have to be built. */
export interface StepQueue {
  readonly run: StepRun;
  readonly builder: UnitBuilder;
  readonly units: UnitPlan[];
  /** The number of its units that are being built. */
  busy: number;
}

/** Does a part of a run's work; what it throws stops all other parts, too. */
export async function orStop<T>(stop: AbortController, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

/**
 * Builds all units, `width` at a time, and ends each step after its last one. The step with the largest unit comes
 * first, so that no single large unit is built when all others are done; the process of the next step is started before
 * it is needed. Throws an error that ends the run when no unit is being built any more; `stop` has the first one.
 */
export async function buildAll(
  queues: readonly StepQueue[],
  width: number,
  stop: AbortController,
): Promise<StepOutcome[]> {
  const ordered = queues.toSorted((a, b) => largest(b) - largest(a));
  const outcomes: StepOutcome[] = [];
  const end = async (queue: StepQueue): Promise<void> => {
    outcomes.push(await queue.run.end(queue.builder));
  };
  const work = async (): Promise<void> => {
    for (let taken = take(ordered); taken !== undefined && !stop.signal.aborted; taken = take(ordered)) {
      const { queue, unit } = taken;
      if (queue.units.length === 0) ordered.find(({ units }) => units.length > 0)?.builder.warmUp();
      if (!queue.run.failed) await queue.run.build(unit, queue.builder);
      queue.busy--;
      if (queue.busy === 0 && queue.units.length === 0) await end(queue);
    }
  };
  const idle = ordered.filter(({ units }) => units.length === 0);
  const ended = await Promise.allSettled([
    ...idle.map(async (queue) => await orStop(stop, async () => await end(queue))),
    ...Array.from({ length: width }, async () => await orStop(stop, work)),
  ]);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return outcomes;
}

/** Takes the next unit of the first step that may build another one. */
function take(queues: readonly StepQueue[]): { queue: StepQueue; unit: UnitPlan } | undefined {
  const queue = queues.find(({ run, units, busy }) => units.length > 0 && busy < (run.step.atOnce ?? Infinity));
  const unit = queue?.units.shift();
  if (queue === undefined || unit === undefined) return undefined;
  queue.busy++;
  return { queue, unit };
}

const largest = ({ units }: StepQueue): number => Math.max(-1, ...units.map(({ bytes }) => bytes));
