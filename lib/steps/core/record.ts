/** Records what becomes of the units of a step: counters, failures, warnings. */
import { asHoldfastError, ERRORS, HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import { noCounters, type HoldfastEvent, type StepCounters } from "../../model/event.ts";
import type { Failure, IndexEntry, StepName, UnitMetadata } from "../../model/unit.ts";
import { indexEntries } from "../../store/run/step-index.ts";
import { unitOrder } from "../../store/run/unit-name.ts";
import type { StepContext } from "./context.ts";
import type { UnitPlan } from "./unit-plan.ts";
import { UnitWarnings } from "./unit-warnings.ts";

export type Action = "built" | "reused" | "resumed";

type Ending = Extract<HoldfastEvent, { type: "unit_ended" }>["action"];

export class StepRecord {
  readonly counters: StepCounters = noCounters();
  readonly #context: StepContext;
  readonly #step: StepName;
  readonly #failures: Failure[] = [];
  readonly #warnings = new UnitWarnings();
  readonly #units = new Map<string, readonly IndexEntry[]>();
  #accounted = 0;

  constructor(context: StepContext, step: StepName) {
    this.#context = context;
    this.#step = step;
  }

  /** Returns the failures: of the step as a whole first, then sorted by unit, because workers end in any order. */
  get failures(): readonly Failure[] {
    return this.#failures.toSorted((a, b) => unitOrder(a.unit ?? "", b.unit ?? ""));
  }

  /** The units that are part of the run now, by the order of their directories: each with its entries of the index. */
  get units(): readonly (readonly [directory: string, index: readonly IndexEntry[]])[] {
    return [...this.#units].toSorted(([a], [b]) => unitOrder(a, b));
  }

  /** Checks whether `--only` and `--skip` select a unit by any of its names. */
  selects(...names: readonly string[]): boolean {
    const { only, skip } = this.#context.options;
    return (
      (only.length === 0 || names.some((name) => only.includes(name))) && !names.some((name) => skip.includes(name))
    );
  }

  /** Records a unit that cannot even be planned; `directory` is where it would have been, relative to the run. */
  failUnit(unit: string, directory: string, error: unknown): void {
    this.#accounted++;
    this.#fail(unit, asHoldfastError(error, "E_IO"), this.#context.previous.find(this.#step, directory)?.run);
    this.#ended(unit, "failed", 0, 0);
  }

  /** Records a project that cannot be exported: as skipped when its row has gone since the list was made. */
  async failProject(plan: Pick<UnitPlan, "unit" | "directory" | "project">, error: unknown): Promise<void> {
    const cause = asHoldfastError(error, "E_IO");
    const gone =
      plan.project !== undefined && !(await this.#context.projects.projectExists(plan.project).catch(() => true));
    if (gone) this.skip(plan.unit, "deleted_during_run", "the project was deleted during the run");
    else this.failUnit(plan.unit, plan.directory, cause);
  }

  /** Records a part of a unit (the rest of which is exported), or the step as a whole (`null`), as failed. */
  failPart(part: string | null, error: unknown): void {
    this.#fail(part, asHoldfastError(error, "E_IO"), this.#context.previous.lastWithout(this.#step, part));
  }

  /** Records a unit that there is good reason to leave out. */
  skip(unit: string, code: "nothing_compiled" | "deleted_during_run", message: string): void {
    this.#accounted++;
    this.#fail(unit, new HoldfastError(code, message), undefined);
    this.#ended(unit, "skipped", 0, 0);
  }

  /** Announces how many units are planned, and their input bytes. */
  planned(units: number, bytes: number): void {
    this.#context.report({ type: "step_planned", step: this.#step, units, bytes });
  }

  /** Announces that work on a unit begins. */
  begin(plan: UnitPlan): void {
    this.#context.report({ type: "unit_started", step: this.#step, unit: plan.unit });
  }

  /** Records a unit that is part of the run now; `written` is false if its artifacts are links. */
  finish(plan: UnitPlan, action: Action, metadata: UnitMetadata, took: { written: boolean; ms: number }): void {
    this.#units.set(plan.directory, indexEntries(metadata));
    this.#warnings.add(plan.unit, metadata.warnings);
    this.#accounted++;
    this.counters[action]++;
    this.counters.size_bytes += metadata.size_bytes;
    if (took.written) this.counters.written_bytes += metadata.size_bytes;
    this.#ended(plan.unit, action, plan.bytes, took.ms);
  }

  /** Records what a dry run would do with a unit. */
  select(plan: UnitPlan, action: Action): void {
    this.#accounted++;
    this.counters[action]++;
    this.#ended(plan.unit, action === "built" ? "selected" : action, plan.bytes, 0);
  }

  note(text: string): void {
    this.#context.report({ type: "note", level: "warning", text });
  }

  /** Reports the units' warnings, by kind. */
  noteWarnings(): void {
    for (const text of this.#warnings.take(this.#step)) this.note(text);
  }

  /**
   * Throws `E_IO` if the units that were built, kept, failed or skipped are not as many as were expected: a run is
   * believed only when its units were counted twice, once before they were exported.
   */
  checkAccounts(): void {
    const { expected } = this.counters;
    if (expected === null || expected === this.#accounted) return;
    throw new HoldfastError("E_IO", `${expected} units were counted, ${this.#accounted} are accounted for`, {
      hint: "the site changed while it was counted, or a unit was lost; run it again",
    });
  }

  #fail(unit: string | null, error: HoldfastError, lastGood: string | undefined): void {
    const { config, report } = this.#context;
    const severity =
      ERRORS[error.code].exit === 0
        ? "skipped"
        : isAccepted(config.accepted_failures, this.#step, unit, error.code)
          ? "accepted"
          : "failed";
    const failure: Failure = {
      step: this.#step,
      unit,
      severity,
      code: error.code,
      message: error.message,
      hint: error.hint,
      last_good_run: lastGood ?? null,
      at: new Date().toISOString(),
    };
    this.#failures.push(failure);
    this.counters[severity]++;
    report({ type: "failure", failure });
  }

  #ended(unit: string, action: Ending, bytes: number, duration_ms: number): void {
    this.#context.report({ type: "unit_ended", step: this.#step, unit, action, bytes, duration_ms });
  }
}

/** Checks whether the config accepts this failure today; another code, or a day after `until`, fails again. */
function isAccepted(
  accepted: SiteConfig["accepted_failures"],
  step: StepName,
  unit: string | null,
  code: string,
): boolean {
  const today = new Date().toISOString().slice(0, 10);
  return accepted.some(
    (one) => one.step === step && (one.unit ?? null) === unit && one.code === code && today <= one.until,
  );
}
