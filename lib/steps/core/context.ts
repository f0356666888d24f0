/** The context of steps: the site, the run, the options and the report. */
import type { BytePath } from "../../archive/entry.ts";
import type { SiteConfig } from "../../config/load.ts";
import { isDiskFull } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import type { Seal } from "../../model/seal.ts";
import type { RunPlan } from "../../store/run/plan.ts";
import type { PreviousRuns } from "../../store/run/previous-runs.ts";
import type { StagedDocuments } from "../../store/run/staged-documents.ts";
import type { Claims } from "../claims/site.ts";
import type { ProjectSource } from "./projects.ts";

export interface StepContext {
  readonly config: SiteConfig;
  readonly options: RunPlan["options"];
  readonly run: string;
  /** The staging directory of the run; artifact paths are relative to it. */
  readonly directory: string;
  /** The directory of lists of files and of whole metadata: that of the run, or one of this host for sealed names. */
  readonly named: string;
  /** A directory for what is no part of the run. */
  readonly scratch: string;
  /** The same for copies of the site's content: outside of the store where artifacts are sealed. */
  readonly copies: string;
  /** The recipients of sealed artifacts; undefined where they stay plain. */
  readonly seal: Seal | undefined;
  /** The directory of this host for what is sealed of the names in runs; undefined where they are not sealed. */
  readonly names: string | undefined;
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

/** Throws if the run has been interrupted, or the error is that of a full disk: then no unit is to blame. */
export function throwIfRunEnds({ signal }: Pick<StepContext, "signal">, error: unknown): void {
  signal.throwIfAborted();
  if (isDiskFull(error)) throw error;
}
