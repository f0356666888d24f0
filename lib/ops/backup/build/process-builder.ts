/** Builds the units of a step in a process of its own, which is started when the first one has to be built. */
import { emptyCounters, type Counters } from "../../../archive/counters.ts";
import { HoldfastError } from "../../../errors.ts";
import { startScript, type StepProcess } from "../../../exec/step-process.ts";
import type { Report } from "../../../model/event.ts";
import type { StepMessage } from "../../../model/step-message.ts";
import { StepDied, type BuildOrder, type Built, type UnitBuilder } from "../../../steps/core/local-builder.ts";
import { builtUnitSchema, errorFrom } from "../../../steps/core/unit-plan.ts";

/** A unit that the process has been asked for. */
interface Asked {
  readonly onBytes: (bytes: number) => void;
  readonly resolve: (built: Built) => void;
  readonly reject: (error: unknown) => void;
}

export interface ProcessBuilderOptions {
  /** The step's script. */
  readonly script: string;
  /** The file of the run's plan. */
  readonly plan: string;
  readonly signal: AbortSignal;
  readonly report: Report;
}

export class ProcessBuilder implements UnitBuilder {
  work: Counters = emptyCounters();
  readonly #options: ProcessBuilderOptions;
  readonly #asked = new Map<number, Asked>();
  #process: StepProcess | undefined;
  #next = 0;
  #ending = false;
  /** Why the process ended before it was asked to. */
  #died: unknown;

  constructor(options: ProcessBuilderOptions) {
    this.#options = options;
  }

  warmUp(): void {
    this.#start();
  }

  async build({ request, xattrs }: BuildOrder, onBytes: (bytes: number) => void) {
    const script = this.#start();
    if (this.#died !== undefined) throw new StepDied(this.#died);
    const id = this.#next++;
    return await new Promise<Built>((resolve, reject) => {
      this.#asked.set(id, { onBytes, resolve, reject });
      script.send({ type: "build", id, request, ...(xattrs === undefined ? {} : { xattrs }) });
    });
  }

  /** Lets the process end. Throws `E_STEP_DIED` if it does not end well. */
  async close(): Promise<void> {
    if (this.#process === undefined || this.#died !== undefined) return;
    this.#ending = true;
    if (this.#options.signal.aborted) return await this.#process.cancel();
    this.#process.send({ type: "end" });
    await this.#process.ended;
  }

  #start(): StepProcess {
    if (this.#process !== undefined) return this.#process;
    const { script, plan, signal } = this.#options;
    const started = startScript(script, { plan, signal, onMessage: (message) => this.#hear(message) });
    started.ended.then(
      () => this.#lose(new HoldfastError("E_STEP_DIED", `${script} ended before its work was done`)),
      (error: unknown) => this.#lose(error),
    );
    this.#process = started;
    return started;
  }

  #hear(message: StepMessage): void {
    switch (message.type) {
      case "progress":
        return this.#asked.get(message.id)?.onBytes(message.bytes);
      case "built":
        this.work = message.work;
        return this.#settle(message.id, ({ resolve, reject }) => {
          const { data: unit } = builtUnitSchema.safeParse(message.unit);
          if (unit === undefined) reject(new HoldfastError("E_INTERNAL", "a step's process returned no unit"));
          else resolve({ unit, ms: message.ms });
        });
      case "not_built":
        this.work = message.work;
        return this.#settle(message.id, ({ reject }) => reject(errorFrom(message.error)));
      case "fatal":
        return undefined; // the end of the process tells
      default:
        return this.#options.report(message);
    }
  }

  #settle(id: number, settle: (asked: Asked) => void): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked !== undefined) settle(asked);
  }

  #lose(error: unknown): void {
    if (this.#ending && this.#asked.size === 0) return;
    this.#died = error;
    for (const { reject } of this.#asked.values()) reject(new StepDied(error));
    this.#asked.clear();
  }
}
