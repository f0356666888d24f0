/** Progress of a run, gathered from its events, for the bars and the JSON status lines. */
import type { HoldfastEvent, StepCounters } from "../model/event.ts";
import type { StepName } from "../model/unit.ts";

export interface StepProgress {
  readonly step: StepName;
  state: "waiting" | "running" | "done";
  unitsTotal: number;
  unitsDone: number;
  bytesTotal: number;
  /** Bytes of ended units; of the running ones `running` tells. */
  bytesDone: number;
  failed: number;
  reused: number;
  startedMs: number;
  durationMs: number;
  /** The result of the step, when it has ended. */
  counters: StepCounters | undefined;
  readonly running: Map<string, number>;
}

export class Progress {
  readonly steps = new Map<StepName, StepProgress>();
  errors = 0;

  apply(event: HoldfastEvent): void {
    if (event.type === "run_started") for (const step of event.steps) this.#of(step);
    if (event.type === "failure" && event.failure.severity === "failed") this.errors++;
    if (event.type === "step_started") {
      const step = this.#of(event.step);
      step.state = "running";
      step.startedMs = Date.now();
    } else if (event.type === "step_planned") {
      const step = this.#of(event.step);
      step.unitsTotal += event.units;
      step.bytesTotal += event.bytes;
    } else if (event.type === "unit_started") {
      this.#of(event.step).running.set(event.unit, 0);
    } else if (event.type === "unit_progress") {
      this.#of(event.step).running.set(event.unit, event.bytes);
    } else if (event.type === "unit_ended") {
      const step = this.#of(event.step);
      if (step.running.delete(event.unit)) {
        step.unitsDone++;
        step.bytesDone += event.bytes;
      }
      if (event.action === "failed") step.failed++;
      if (event.action === "reused" || event.action === "resumed") step.reused++;
    } else if (event.type === "step_ended") {
      const step = this.#of(event.step);
      step.state = "done";
      step.durationMs = event.duration_ms;
      step.counters = event.counters;
      step.running.clear();
    }
  }

  /** Bytes read so far, of ended and running units. */
  bytes(step: StepProgress): number {
    return step.bytesDone + [...step.running.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Returns the fraction of the planned work; a step that has not begun counts as one part of all steps. */
  fraction(): number {
    const steps = [...this.steps.values()];
    if (steps.length === 0) return 0;
    return steps.reduce((sum, step) => sum + this.stepFraction(step), 0) / steps.length;
  }

  stepFraction(step: StepProgress): number {
    if (step.state === "done") return 1;
    if (step.bytesTotal > 0) return Math.min(1, this.bytes(step) / step.bytesTotal);
    return step.unitsTotal > 0 ? step.unitsDone / step.unitsTotal : 0;
  }

  /** Seconds left for a step at its pace so far, or undefined before there is one. */
  secondsLeft(step: StepProgress): number | undefined {
    const done = this.stepFraction(step);
    if (step.state !== "running" || done < 0.02) return undefined;
    return ((Date.now() - step.startedMs) / 1000) * (1 / done - 1);
  }

  #of(name: StepName): StepProgress {
    let step = this.steps.get(name);
    if (step === undefined) {
      step = {
        step: name,
        state: "waiting",
        unitsTotal: 0,
        unitsDone: 0,
        bytesTotal: 0,
        bytesDone: 0,
        failed: 0,
        reused: 0,
        startedMs: Date.now(),
        durationMs: 0,
        counters: undefined,
        running: new Map(),
      };
      this.steps.set(name, step);
    }
    return step;
  }
}
