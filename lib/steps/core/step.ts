/** The interface of a step, and its context: the site, the run, the options and the report. */
import type { BytePath } from "../../archive/entry.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Report } from "../../model/event.ts";
import type { StepName, UnitMetadata } from "../../model/unit.ts";
import type { PreviousRuns } from "../../store/run/previous-runs.ts";
import type { Claims } from "../claims/site.ts";
import type { ProjectSource } from "./projects.ts";

/** The choices of the command line that reach the steps. */
export interface StepOptions {
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly textTypes: readonly string[];
  readonly existing: "skip" | "overwrite";
  readonly workers: number;
  /** Read every artifact back and compare. */
  readonly checksums: boolean;
  /** Keep the finished units that an interrupted run left in the staging directory. */
  readonly resume: boolean;
  readonly dryRun: boolean;
}

export interface StepContext {
  readonly config: SiteConfig;
  readonly options: StepOptions;
  readonly run: string;
  /** The staging directory of the run; artifact paths are relative to it. */
  readonly directory: string;
  /** A directory for what is no part of the run. */
  readonly scratch: string;
  /** The store: never part of its own backup. */
  readonly exclude: readonly BytePath[];
  readonly app: UnitMetadata["app"];
  readonly previous: PreviousRuns;
  readonly projects: ProjectSource;
  /** Who has which path of the site. */
  readonly claims: Claims;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** The application of a run before it is known. */
export const UNKNOWN_APP: StepContext["app"] = { commit: null, version: null, dirty: null };

/** One part of a site. */
export interface Step {
  readonly name: StepName;
  /** Checks whether the config has the step. */
  isConfigured(config: SiteConfig): boolean;
  /** The unit names (and other names for them, such as a project's slug) that `--only` and `--skip` may use. */
  names(context: StepContext): Promise<readonly string[]>;
  run(context: StepContext): Promise<void>;
}
