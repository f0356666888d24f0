/** The interface of a step, and its context: the site, the run, the options and the report. */
import type { BytePath } from "../../archive/entry.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Report } from "../../model/event.ts";
import type { StepName, UnitMetadata } from "../../model/unit.ts";
import type { RunPlan } from "../../store/run/plan.ts";
import type { PreviousRuns } from "../../store/run/previous-runs.ts";
import type { StagedDocuments } from "../../store/run/staged-documents.ts";
import type { Claims } from "../claims/site.ts";
import type { ProjectSource } from "./projects.ts";
import type { StepRecord } from "./step-record.ts";
import type { TreeWalker } from "./tree-walker.ts";
import type { BuiltUnit, UnitPlan } from "./unit-plan.ts";
import type { StepWorkers } from "./workers.ts";

export interface StepContext {
  readonly config: SiteConfig;
  readonly options: RunPlan["options"];
  readonly run: string;
  /** The staging directory of the run; artifact paths are relative to it. */
  readonly directory: string;
  /** A directory for what is no part of the run. */
  readonly scratch: string;
  /** Path of the store. */
  readonly store: string;
  /** The store: never part of its own backup. */
  readonly exclude: readonly BytePath[];
  readonly app: UnitMetadata["app"];
  readonly documents: StagedDocuments;
  readonly previous: PreviousRuns;
  readonly projects: ProjectSource;
  /** Who has which path of the site. */
  readonly claims: Claims;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** The application of a run before it is known. */
export const UNKNOWN_APP: StepContext["app"] = { commit: null, version: null, dirty: null };

/** What a step plans with. */
export interface PlanTools {
  /** Takes the count of expected units, and the failures of what cannot be planned. */
  readonly record: StepRecord;
  /** Walks trees in threads. */
  readonly walker: TreeWalker;
}

/** What a step builds with. */
export interface BuildTools {
  readonly workers: StepWorkers;
  /** Called with the bytes of input read so far. */
  readonly onBytes: (bytes: number) => void;
}

/** One part of a site. */
export interface Step {
  readonly name: StepName;
  /** True where the units depend on links that the other steps come across: it is planned after them. */
  readonly plannedLast?: boolean;
  /** The number of units that may be built at the same time; all workers where it is not given. */
  readonly atOnce?: number;
  /** Checks whether the config has the step. */
  isConfigured(config: SiteConfig): boolean;
  /** The unit names (and other names for them, such as a project's slug) that `--only` and `--skip` may use. */
  names(context: StepContext): Promise<readonly string[]>;
  /** Lists the selected units, with their fingerprints. Writes nothing except into the scratch directory. */
  plan(context: StepContext, tools: PlanTools): Promise<readonly UnitPlan[]>;
  /** Builds a unit from the request in its plan, in the process of the step. Throws the unit's failure. */
  build(context: StepContext, request: unknown, tools: BuildTools): Promise<BuiltUnit>;
}
