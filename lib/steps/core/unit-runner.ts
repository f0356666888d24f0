/**
 * Turns planned units into units of a run: kept from an interrupted run, linked from an earlier one, or built; with its
 * metadata written last. One unit's failure never stops the others.
 */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { asHoldfastError, ERRORS, HoldfastError, isDiskFull, isErrorCode, systemCode } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import { noCounters, type StepCounters } from "../../model/event.ts";
import {
  FORMAT_VERSION,
  metadataSchema,
  type Artifact,
  type Failure,
  type Project,
  type StepName,
  type UnitInput,
  type UnitMetadata,
} from "../../model/unit.ts";
import { tryReadDocument, writeDocument } from "../../store/files/json-documents.ts";
import { hashFile } from "../../store/files/hash.ts";
import { isSound, linkArtifacts, unreadRuns } from "../../store/run/previous-runs.ts";
import { unitFiles } from "../../store/run/step-index.ts";
import { unitOrder } from "../../store/run/unit-name.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import type { StepContext } from "./step.ts";
import { keepWarnings, UnitWarnings } from "./unit-warnings.ts";

/** A unit before it is built. */
export interface UnitPlan {
  /** The unit's true name; `unitB64` where that is no UTF-8. */
  readonly unit: string;
  readonly unitB64?: string;
  /** Directory of its metadata, relative to the run. */
  readonly directory: string;
  readonly project?: Project;
  /** Paths of its trees on the site. */
  readonly trees?: readonly UnitPlace[];
  /** Further fields of its metadata that are of this run, whether its artifacts are new or not. */
  readonly fresh?: Readonly<Record<string, unknown>>;
  /** Files that building it may create outside of its directory, relative to the run. */
  readonly outputs?: readonly string[];
  /** Input bytes, for the progress display. */
  readonly bytes: number;
  /** Null: never reused. */
  readonly fingerprint: string | null;
  build(onBytes: (bytes: number) => void): Promise<BuiltUnit>;
}

/** A tree of a unit: its place on the site (relative to the root where it lies inside) and in the archive. */
export interface UnitPlace {
  readonly path: string;
  readonly path_b64?: string;
  readonly prefix: string;
  readonly prefix_b64?: string;
  /** The name of the archive, where the unit has several. */
  readonly artifact?: string;
  /** The unit has only the loose files at the top of the tree. */
  readonly loose?: boolean;
}

export interface BuiltUnit {
  readonly artifacts: readonly Artifact[];
  readonly input: UnitInput;
  readonly warnings: readonly string[];
  /** The additional fields of this kind of unit. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

type Action = "built" | "reused" | "resumed";

export class UnitRunner {
  readonly counters: StepCounters = noCounters();
  readonly #context: StepContext;
  readonly #step: StepName;
  readonly #failures: Failure[] = [];
  readonly #warnings = new UnitWarnings();
  readonly #started = Date.now();
  readonly #finished = new Set<string>();
  #accounted = 0;

  constructor(context: StepContext, step: StepName) {
    this.#context = context;
    this.#step = step;
  }

  /** Returns the failures: of the step as a whole first, then sorted by unit, because workers end in any order. */
  get failures(): readonly Failure[] {
    return this.#failures.toSorted((a, b) => unitOrder(a.unit ?? "", b.unit ?? ""));
  }

  /** Units that were built, kept, failed or skipped: as many as were expected, or something was lost on the way. */
  get accounted(): number {
    return this.#accounted;
  }

  /** The directories of the units that are part of the run now. */
  get finished(): ReadonlySet<string> {
    return this.#finished;
  }

  get elapsed(): number {
    return Date.now() - this.#started;
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
    this.#record(unit, asHoldfastError(error, "E_IO"), this.#context.previous.find(this.#step, directory)?.run);
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
    this.#record(part, asHoldfastError(error, "E_IO"), this.#context.previous.lastWithout(this.#step, part));
  }

  /** Records a unit that there is good reason to leave out. */
  skip(unit: string, code: "nothing_compiled" | "deleted_during_run", message: string): void {
    this.#accounted++;
    this.#record(unit, new HoldfastError(code, message), undefined);
    this.#ended(unit, "skipped", 0, 0);
  }

  /** Announces the plan and works through it, `workers` units at a time. */
  async runAll(plans: readonly UnitPlan[], workers = this.#context.options.workers): Promise<void> {
    const { report } = this.#context;
    report({
      type: "step_planned",
      step: this.#step,
      units: plans.length,
      bytes: plans.reduce((sum, plan) => sum + plan.bytes, 0),
    });
    await forEachParallel(plans, workers, async (plan) => await this.#run(plan));
    for (const text of this.#warnings.take(this.#step)) this.#note(text);
  }

  async #run(plan: UnitPlan): Promise<void> {
    const { signal, report, options } = this.#context;
    signal.throwIfAborted();
    const started = Date.now();
    report({ type: "unit_started", step: this.#step, unit: plan.unit });
    try {
      const existing = await this.#existing(plan);
      if (options.dryRun) {
        this.#accounted++;
        this.counters[existing === undefined ? "built" : existing.action]++;
        this.#ended(plan.unit, existing?.action ?? "selected", plan.bytes, Date.now() - started);
        return;
      }
      const action = existing === undefined ? "built" : existing.action;
      const metadata = existing === undefined ? await this.#build(plan, started) : this.#renewed(plan, existing);
      if (options.checksums) await this.#readBack(metadata);
      writeDocument(path.join(this.#context.directory, plan.directory, "metadata.json"), metadata);
      this.#finished.add(plan.directory);
      this.#warnings.add(plan.unit, metadata.warnings);
      this.#accounted++;
      this.counters[action]++;
      this.counters.size_bytes += metadata.size_bytes;
      if (action === "built") this.counters.written_bytes += metadata.size_bytes;
      this.#ended(plan.unit, action, plan.bytes, Date.now() - started);
    } catch (error) {
      signal.throwIfAborted();
      // A full disk fails every unit after this one too: the run ends here, while the last good one is intact.
      if (isDiskFull(error)) throw error;
      this.#clear(plan);
      await this.failProject(plan, error);
    }
  }

  /** A sound unit with the same input: of the interrupted run that is resumed, else of an earlier run. */
  async #existing(plan: UnitPlan): Promise<{ action: Action; from: string; metadata: UnitMetadata } | undefined> {
    const { options, directory, previous, config, signal } = this.#context;
    if (options.resume) {
      const metadata = tryReadDocument(path.join(directory, plan.directory, "metadata.json"), metadataSchema);
      if (metadata !== undefined && sameInput(plan, metadata) && (await isSound(directory, metadata, true, signal))) {
        return { action: "resumed", from: directory, metadata };
      }
    }
    if (options.existing === "overwrite" || plan.fingerprint === null) return undefined;
    const found = previous.find(this.#step, plan.directory);
    if (found === undefined || !sameInput(plan, found.metadata)) return undefined;
    const unread_runs = unreadRuns(found.metadata, plan.directory, config.rehash_every);
    if (await isSound(found.directory, found.metadata, unread_runs === 0, signal)) {
      return { action: "reused", from: found.directory, metadata: { ...found.metadata, unread_runs } };
    }
    this.#note(`${this.#step}/${plan.unit}: what run ${found.run} holds of it is damaged; it is built again`);
    return undefined;
  }

  #renewed(plan: UnitPlan, existing: { action: Action; from: string; metadata: UnitMetadata }): UnitMetadata {
    const { directory, run, app } = this.#context;
    if (existing.action === "resumed") return { ...existing.metadata, ...freshFields(plan), app };
    this.#clear(plan);
    if (!linkArtifacts(existing.from, directory, unitFiles(existing.metadata))) {
      this.#note(`${this.#step}/${plan.unit}: the file system refused a hard link; the unit was copied`);
      this.counters.written_bytes += existing.metadata.size_bytes;
    }
    return { ...existing.metadata, run, ...freshFields(plan), app };
  }

  async #build(plan: UnitPlan, started: number): Promise<UnitMetadata> {
    const { directory, run, app, report } = this.#context;
    this.#clear(plan);
    mkdirSync(path.join(directory, plan.directory), { recursive: true });
    const built = await plan.build((bytes) =>
      report({ type: "unit_progress", step: this.#step, unit: plan.unit, bytes }),
    );
    const [only] = built.artifacts;
    if (only === undefined) throw new HoldfastError("E_IO", "the export is empty");
    return {
      format_version: FORMAT_VERSION,
      step: this.#step,
      unit: plan.unit,
      ...(plan.unitB64 === undefined ? {} : { unit_b64: plan.unitB64 }),
      run,
      built_in: run,
      ...freshFields(plan),
      created_at: new Date().toISOString(),
      duration_ms: Date.now() - started,
      artifacts: [...built.artifacts],
      size_bytes: built.artifacts.reduce((sum, artifact) => sum + artifact.size_bytes, 0),
      sha256: built.artifacts.length === 1 ? only.sha256 : null,
      input: built.input,
      app,
      ...built.extra,
      warnings: keepWarnings(built.warnings),
    };
  }

  async #readBack(metadata: UnitMetadata): Promise<void> {
    const { directory, signal } = this.#context;
    for (const artifact of metadata.artifacts) {
      const { sha256 } = await hashFile(path.join(directory, artifact.path), signal);
      if (sha256 !== artifact.sha256)
        throw new HoldfastError("E_IO", `${artifact.path} does not read back as it was written`);
    }
  }

  /**
   * Removes the rest of a failed or older attempt at the unit; renames it first, so that a half-removed unit has no
   * metadata.
   */
  #clear(plan: UnitPlan): void {
    if (this.#context.options.dryRun) return;
    const unit = path.join(this.#context.directory, plan.directory);
    for (const output of plan.outputs ?? []) rmSync(path.join(this.#context.directory, output), { force: true });
    rmSync(path.join(unit, "metadata.json"), { force: true });
    const gone = path.join(
      this.#context.scratch,
      `gone-${process.pid}-${this.#failures.length}-${path.basename(unit)}`,
    );
    try {
      renameSync(unit, gone);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return;
      throw error;
    }
    removeTree(fromString(gone));
  }

  #record(unit: string | null, error: HoldfastError, lastGood: string | undefined): void {
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

  #ended(unit: string, action: Action | "failed" | "skipped" | "selected", bytes: number, duration_ms: number): void {
    this.#context.report({ type: "unit_ended", step: this.#step, unit, action, bytes, duration_ms });
  }

  #note(text: string): void {
    this.#context.report({ type: "note", level: "warning", text });
  }
}

/** Returns the fields that record the current site, for new and reused artifacts. */
const freshFields = (plan: UnitPlan): Record<string, unknown> & { project?: Project } => ({
  ...plan.fresh,
  ...(plan.project === undefined ? {} : { project: plan.project }),
  ...(plan.trees === undefined ? {} : { trees: plan.trees }),
});

const sameInput = (plan: UnitPlan, metadata: UnitMetadata): boolean =>
  plan.fingerprint !== null && metadata.input.fingerprint === plan.fingerprint;

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

/** The failure of a unit that an archive could not be made of: the first reason, and how many more there are. */
export function archiveFailure(failures: readonly { code: string; path: string; message: string }[]): HoldfastError {
  const [first] = failures;
  if (first === undefined) return new HoldfastError("E_IO", "the archive could not be written");
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
  return new HoldfastError(isErrorCode(first.code) ? first.code : "E_IO", `${first.path}: ${first.message}${more}`);
}
