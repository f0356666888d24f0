/** The request and the outcome of a package restore. */
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import type { Report } from "../../model/event.ts";
import type { TargetRefinement } from "../../portable/import/target/refinement.ts";
import type { OwnerRule } from "../restore/plan/request.ts";
import type { OnStep } from "../journals/on-step.ts";
import type { LoadOutcome } from "./import-data.ts";
import type { OpenedPackage } from "./open.ts";
import type { PlaceRules } from "./tree-targets.ts";

export interface PackageRestoreRequest {
  readonly file: string;
  readonly rules: PlaceRules;
  /** Undefined: the data are written below `rules.directory` and not imported. */
  readonly database: DatabaseTarget | undefined;
  readonly owners: OwnerRule;
  readonly dryRun: boolean;
  /** Restores despite warnings about the schema. */
  readonly force: boolean;
  /** The installation that the database belongs to, if known. */
  readonly instance: string | undefined;
  /** Matches rows by their generated ids even if the database may belong to another site. */
  readonly intoOther: boolean;
  /** The refinements of this host's config for the import. */
  readonly refine: TargetRefinement;
  /** Undefined for a restore to a directory, which replaces nothing of a site. */
  readonly inPlace: InPlaceRequest | undefined;
}

export interface InPlaceRequest {
  readonly config: SiteConfig;
  /** Path of the store that holds the lock, the journal and the safety run. */
  readonly store: string;
  /** The configured database that the data go into; undefined for another database. */
  readonly unit: string | undefined;
  /** The reason to continue without a safety dump; undefined to stop if none can be saved. */
  readonly withoutSafety: string | undefined;
  readonly breakLock: boolean;
}

export interface PackagePreview {
  readonly created_at: string;
  readonly source: OpenedPackage["manifest"]["source"];
  readonly users: string;
  readonly trees: readonly {
    readonly name: string;
    readonly to: string;
    readonly files: number;
    readonly bytes: number;
    readonly replaces: boolean;
  }[];
  /** The database's URL without its password. */
  readonly database: string | null;
  readonly rows: number;
}

export interface PackageOutcome {
  readonly preview: PackagePreview;
  readonly trees: readonly {
    readonly name: string;
    readonly to: string;
    readonly state: "unchanged" | "restored";
    readonly kept: string | null;
  }[];
  readonly data: LoadOutcome | null;
  /** Paths below the directory that the operator should look at. */
  readonly beside: readonly string[];
  readonly settings: readonly string[];
  /** Id of the in-place restore; null for a restore to a directory and a dry run. */
  readonly restore: string | null;
  readonly safety_run: string | null;
  /** True if what was replaced is kept until the restore is confirmed or rolled back. */
  readonly kept: boolean;
}

export interface PackageRestoreHooks {
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly onPhase: (phase: string) => void;
  readonly onRows: (table: string, phase: string, rows: number) => void;
  /** Throws unless the operator agrees. */
  readonly confirm: (preview: PackagePreview) => Promise<void>;
  readonly onStep?: OnStep;
}
