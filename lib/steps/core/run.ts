/**
 * Runs a step: plans its units, takes over those that have not changed, has the others built, and always writes its
 * index and its failures. One unit's failure never stops the others.
 */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { StepCounters } from "../../model/event.ts";
import { FORMAT_VERSION, type Failure, type IndexEntry, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { dropUnits } from "../../store/run/resume.ts";
import { sealDigest } from "../../store/seal/names.ts";
import { assertOwnPaths } from "../claims/paths.ts";
import { readBack, StepDied, type UnitBuilder } from "./local-builder.ts";
import { findExisting, siteFields, takeOver } from "./reuse.ts";
import { throwIfRunEnds, type StepContext } from "./context.ts";
import { addEachWith, type Step } from "./step.ts";
import { StepRecord, type Action } from "./record.ts";
import type { TreeWalker } from "./tree-walker.ts";
import { errorFrom, type BuiltUnit, type UnitPlan } from "./unit-plan.ts";
import { keepWarnings } from "./unit-warnings.ts";

/** What became of a step. */
export interface StepOutcome {
  readonly step: StepName;
  readonly started_at: string;
  readonly finished_at: string;
  readonly counters: StepCounters;
  readonly failures: readonly Failure[];
  readonly index: readonly IndexEntry[];
  /** The directories of its units in the run, in the order of the index. */
  readonly units: readonly string[];
  /** By the directory of a unit, the number of runs that took it over without reading it. */
  readonly unread: ReadonlyMap<string, number>;
}

export class StepRun {
  readonly step: Step;
  readonly #context: StepContext;
  readonly #record: StepRecord;
  readonly #started = new Date();
  readonly #unread = new Map<string, number>();
  readonly #onUnit: (directory: string, metadata: UnitMetadata) => void;
  /** True when the step failed as a whole: no further unit of it is built. */
  #failed = false;

  /** `onUnit` is called with each unit that has become part of the run. */
  constructor(context: StepContext, step: Step, onUnit: (directory: string, metadata: UnitMetadata) => void) {
    this.#context = context;
    this.#onUnit = onUnit;
    this.step = step;
    this.#record = new StepRecord(context, step.name);
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Plans the step, takes over what has not changed, and returns the units that have to be built. */
  async plan(walker: TreeWalker): Promise<UnitPlan[]> {
    const { report, options, directory, config } = this.#context;
    report({ type: "step_started", step: this.step.name });
    if (!options.dryRun) mkdirSync(path.join(directory, this.step.name), { recursive: true });
    const changed: UnitPlan[] = [];
    await this.#attempt(async () => {
      assertOwnPaths(config, this.step.name);
      let [units, bytes] = [0, 0];
      const add = async (plan: UnitPlan): Promise<void> => {
        units++;
        bytes += plan.bytes;
        if (!(await this.#settle(plan))) changed.push(plan);
      };
      const addEach = addEachWith(walker, this.#context, add);
      await this.step.plan(this.#context, { record: this.#record, walker, add, addEach });
      this.#record.planned(units, bytes);
    });
    return this.#failed ? [] : changed;
  }

  /** Builds a unit and writes its metadata, which makes it part of the run. */
  async build(plan: UnitPlan, builder: UnitBuilder): Promise<void> {
    const { directory, report } = this.#context;
    this.#record.begin(plan);
    await this.#attemptUnit(plan, async () => {
      this.#clear(plan);
      mkdirSync(path.join(directory, plan.directory), { recursive: true });
      const { unit: built, ms } = await builder.build(plan, (bytes) =>
        report({ type: "unit_progress", step: this.step.name, unit: plan.unit, bytes }),
      );
      for (const failure of built.failures ?? []) this.#record.failPart(failure.unit, errorFrom(failure));
      if (built.artifacts.length === 0) throw new HoldfastError("E_MISSING", "nothing of it could be exported");
      const metadata = this.#metadataOf(plan, built, ms);
      this.#context.documents.writeMetadata(`${plan.directory}/metadata.json`, metadata);
      this.#finish(plan, "built", metadata, { written: true, ms });
    });
  }

  /** Ends the step, whose units were built with `builder`: counts them again and writes its documents. */
  async end(builder: UnitBuilder): Promise<StepOutcome> {
    const { options, directory, documents, report } = this.#context;
    await this.#attempt(async () => {
      await builder.close();
      if (!this.#failed) this.#record.checkAccounts();
    });
    const { counters, failures, units } = this.#record;
    const directories = units.map(([unit]) => unit);
    const index = units.flatMap(([, entries]) => entries);
    Object.assign(counters, builder.work);
    this.#record.noteWarnings();
    const { name } = this.step;
    if (!options.dryRun) {
      mkdirSync(path.join(directory, name), { recursive: true });
      if (options.resume) dropUnits(directory, name, new Set(directories));
      documents.write(`${name}/index.json`, index);
      documents.write(`${name}/failures.json`, failures);
    }
    const duration_ms = Date.now() - this.#started.getTime();
    report({ type: "step_ended", step: name, counters, duration_ms });
    return {
      step: name,
      started_at: this.#started.toISOString(),
      finished_at: new Date().toISOString(),
      counters,
      failures,
      index,
      units: directories,
      unread: this.#unread,
    };
  }

  /** Takes a unit over that has not changed. Returns false if it has to be built. */
  async #settle(plan: UnitPlan): Promise<boolean> {
    const { signal, options } = this.#context;
    signal.throwIfAborted();
    const started = Date.now();
    return await this.#attemptUnit(plan, async () => {
      const existing = await findExisting(this.#context, this.step.name, plan, (run) =>
        this.#record.note(`${this.step.name}/${plan.unit}: what run ${run} holds of it is damaged; it is built again`),
      );
      if (existing === undefined && !options.dryRun) return false;
      this.#record.begin(plan);
      if (existing === undefined || options.dryRun) {
        this.#record.select(plan, existing?.action ?? "built");
        return true;
      }
      if (existing.action === "reused") this.#clear(plan);
      const { metadata, linked } = takeOver(this.#context, plan, existing);
      if (options.checksums) await readBack(this.#context, metadata.artifacts);
      if (!linked)
        this.#record.note(`${this.step.name}/${plan.unit}: the file system refused a hard link; the unit was copied`);
      this.#unread.set(plan.directory, existing.unread);
      this.#finish(plan, existing.action, metadata, { written: !linked, ms: Date.now() - started });
      return true;
    });
  }

  /** Makes a unit, whose metadata are in the run's directory now, part of the run. */
  #finish(plan: UnitPlan, action: Action, metadata: UnitMetadata, took: { written: boolean; ms: number }): void {
    const { documents } = this.#context;
    for (const artifact of metadata.artifacts) documents.digests.set(artifact.path, artifact.sha256);
    this.#onUnit(plan.directory, metadata);
    this.#record.finish(plan, action, metadata, took);
  }

  #metadataOf(plan: UnitPlan, built: BuiltUnit, duration_ms: number): UnitMetadata {
    const { run, app, seal } = this.#context;
    const [only] = built.artifacts;
    return {
      format_version: FORMAT_VERSION,
      step: this.step.name,
      unit: plan.unit,
      ...(plan.unitB64 === undefined ? {} : { unit_b64: plan.unitB64 }),
      built_in: run,
      ...siteFields(plan),
      created_at: new Date().toISOString(),
      duration_ms,
      artifacts: built.artifacts,
      size_bytes: built.artifacts.reduce((sum, artifact) => sum + artifact.size_bytes, 0),
      sha256: built.artifacts.length === 1 && only !== undefined ? only.sha256 : null,
      ...(seal === undefined ? {} : { sealed_to: sealDigest(seal) }),
      input: built.input,
      app,
      ...built.extra,
      warnings: keepWarnings(built.warnings),
    };
  }

  /** Does what concerns the step as a whole; what it throws, but an interruption and a full disk, fails the step. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throwIfRunEnds(this.#context, error);
      this.#fail(error);
    }
  }

  /** Does what concerns a unit. What it throws fails the unit; returns true then, as there is nothing left to do. */
  async #attemptUnit(plan: UnitPlan, work: () => Promise<boolean | void>): Promise<boolean> {
    try {
      return (await work()) ?? true;
    } catch (error) {
      const cause = error instanceof StepDied ? error.why : error;
      // A full disk fails every unit after this one too: the run ends here, while the last good one is intact.
      throwIfRunEnds(this.#context, cause);
      this.#clear(plan);
      if (error instanceof StepDied) this.#fail(cause);
      else await this.#record.failProject(plan, error);
      return true;
    }
  }

  #fail(error: unknown): void {
    if (!this.#failed) this.#record.failPart(null, error);
    this.#failed = true;
  }

  /**
   * Removes the rest of a failed or older attempt at the unit; renames it first, so that a half-removed unit has no
   * metadata.
   */
  #clear(plan: UnitPlan): void {
    const { options, directory, scratch } = this.#context;
    if (options.dryRun) return;
    const unit = path.join(directory, plan.directory);
    for (const output of plan.outputs ?? []) rmSync(path.join(directory, output), { force: true });
    rmSync(path.join(unit, "metadata.json"), { force: true });
    const gone = path.join(scratch, `gone-${plan.directory.replaceAll("/", "-")}`);
    try {
      renameSync(unit, gone);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return;
      throw error;
    }
    removeTree(fromString(gone));
  }
}
