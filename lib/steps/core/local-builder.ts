/** Builds the units of a step in this process, its archives in worker threads. */
import path from "node:path";
import pLimit, { type LimitFunction } from "p-limit";
import type { Counters } from "../../archive/counters.ts";
import { HoldfastError } from "../../errors.ts";
import { hashFile } from "../../store/files/hash.ts";
import type { StepContext } from "./context.ts";
import type { Step } from "./step.ts";
import type { BuiltUnit, UnitPlan } from "./unit-plan.ts";
import { StepWorkers } from "./workers.ts";

/** Thrown when no further unit of a step can be built, whatever it is. */
export class StepDied extends Error {
  readonly why: unknown;

  constructor(why: unknown) {
    super("the process of a step died", { cause: why });
    this.why = why;
  }
}

/** A unit that is built, and the milliseconds that it took. */
export interface Built {
  readonly unit: BuiltUnit;
  readonly ms: number;
}

/** What building a unit needs of its plan. */
export type BuildOrder = Pick<UnitPlan, "request" | "xattrs">;

/** Builds units of one step, several at the same time. */
export interface UnitBuilder {
  /** The work of everything that was built so far. */
  readonly work: Counters;
  /** Begins to load what building needs, since a unit will be built soon. */
  warmUp(): void;
  /** Builds a unit. Throws its failure, or `StepDied`. */
  build(plan: BuildOrder, onBytes: (bytes: number) => void): Promise<Built>;
  close(): Promise<void>;
}

export class LocalBuilder implements UnitBuilder {
  readonly #step: Step;
  readonly #context: StepContext;
  readonly #workers: StepWorkers;
  /** More units than that may be asked for, so that the next one is at hand when one is done. */
  readonly #limit: LimitFunction;

  constructor(step: Step, context: StepContext) {
    this.#step = step;
    this.#context = context;
    this.#workers = new StepWorkers(context);
    this.#limit = pLimit(context.options.workers);
  }

  get work(): Counters {
    return this.#workers.work;
  }

  warmUp(): void {}

  async build(order: BuildOrder, onBytes: (bytes: number) => void): Promise<Built> {
    return await this.#limit(async () => {
      const started = Date.now();
      const unit = await this.#build(order, onBytes);
      return { unit, ms: Date.now() - started };
    });
  }

  async #build({ request, xattrs }: BuildOrder, onBytes: (bytes: number) => void): Promise<BuiltUnit> {
    this.#context.signal.throwIfAborted();
    const built = await this.#step.build(this.#context, request, {
      workers: this.#workers,
      ...(xattrs === undefined ? {} : { xattrs }),
      onBytes,
    });
    if (this.#context.options.checksums) await readBack(this.#context, built.artifacts);
    return built;
  }

  async close(): Promise<void> {
    await this.#workers.close();
  }
}

/** Reads every artifact and throws `E_IO` for one whose bytes are not those that were written. */
export async function readBack(
  { directory, signal }: Pick<StepContext, "directory" | "signal">,
  artifacts: BuiltUnit["artifacts"],
): Promise<void> {
  for (const artifact of artifacts) {
    const { sha256 } = await hashFile(path.join(directory, artifact.path), signal);
    if (sha256 !== artifact.sha256)
      throw new HoldfastError("E_IO", `${artifact.path} does not read back as it was written`);
  }
}
