/** A restore in progress: its request, what it found, and its outcome. */
import type { BytePath } from "../../archive/entry.ts";
import type { Report } from "../../model/event.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import type { Journal } from "../journals/restore-journal.ts";
import type { OnStep } from "../journals/on-step.ts";
import type { RestoreItems } from "../runs/unit-items.ts";
import type { PathLocation } from "./plan/paths/locate.ts";
import type { Lack } from "./plan/missing-units.ts";
import type { RestoreRequest } from "./plan/request.ts";
import type { RestorePreview } from "./preview.ts";

export interface RestoreOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Called with the plan of an in-place restore; throws `E_CONFIRM` to cancel it. */
  readonly confirm: (preview: RestorePreview) => Promise<void>;
  /** Called with each phase, and with progress within it. */
  readonly onPhase: (phase: string) => void;
  /** Called with the bytes of the phase done so far, and their approximate total. */
  readonly onBytes?: (done: number, total: number) => void;
  readonly onStep?: OnStep;
}

export interface RestoreOutcome {
  readonly restore: string | null;
  readonly run: string;
  readonly preview: RestorePreview;
  readonly warnings: readonly string[];
  readonly by_hand: readonly string[];
  /** Units that the run lacks and that were not restored. */
  readonly missing: RestorePreview["missing"];
  /** Units that the run lacks and that were taken from an earlier run. */
  readonly completed: RestorePreview["completed"];
  /** Checks that could not run, such as a smoke command that is not configured. */
  readonly not_proved: readonly string[];
  /** True if what was replaced is kept until the restore is confirmed. */
  readonly kept: boolean;
}

export interface Work {
  readonly request: RestoreRequest;
  readonly options: RestoreOptions;
  readonly store: { readonly path: string; readonly site: string };
  readonly run: string;
  readonly directory: string;
  /** The selected units; a restore never changes a run. */
  readonly units: readonly UnitMetadata[];
  /** The items of the units; empty if a path is requested. */
  readonly items: RestoreItems;
  readonly pathLocation: PathLocation | undefined;
  readonly lacks: readonly Lack[];
  readonly owned: readonly BytePath[];
}

/** Returns the outcome; without a journal, of a dry run. */
export const outcomeOf = (
  { run }: Work,
  preview: RestorePreview,
  journal: Journal | null,
  { kept, notProved = [] }: { kept: boolean; notProved?: readonly string[] },
): RestoreOutcome => ({
  restore: journal?.document.restore ?? null,
  run,
  preview,
  warnings: journal?.document.warnings ?? [],
  by_hand: preview.by_hand,
  missing: preview.missing,
  completed: preview.completed,
  not_proved: notProved,
  kept,
});
