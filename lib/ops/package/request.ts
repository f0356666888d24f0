/** What a restore of a package is asked for, and what it gives. */
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
  /** Undefined: the data are put below `rules.directory` and go into no database. */
  readonly database: DatabaseTarget | undefined;
  readonly owners: OwnerRule;
  readonly dryRun: boolean;
  /** Restores in spite of warnings about the schema. */
  readonly force: boolean;
  /** The installation that the database belongs to, where that is known. */
  readonly instance: string | undefined;
  /** Takes rows that are known by their number alone for the same ones, though the database may be another site's. */
  readonly intoOther: boolean;
  /** How this host's config refines the way of the data into the database. */
  readonly refine: TargetRefinement;
  /** Undefined: to a directory, where nothing of a site is replaced. */
  readonly inPlace: InPlaceRequest | undefined;
}

export interface InPlaceRequest {
  readonly config: SiteConfig;
  /** Path of the store that holds the lock, the record and the safety run. */
  readonly store: string;
  /** The configured database that the data go into; undefined: it is another one. */
  readonly unit: string | undefined;
  /** Why it is to go on where nothing can be saved first; undefined: it is not to. */
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
  /** Without a password. */
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
  /** What lies in the directory for somebody to look at. */
  readonly beside: readonly string[];
  readonly settings: readonly string[];
  /** The record of a restore in place; null for one to a directory, and a dry run. */
  readonly restore: string | null;
  readonly safety_run: string | null;
  /** What was replaced is kept until the restore is confirmed or rolled back. */
  readonly kept: boolean;
}

export interface PackageRestoreHooks {
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly onPhase: (phase: string) => void;
  readonly onRows: (table: string, phase: string, rows: number) => void;
  /** Throws where nobody agrees. */
  readonly confirm: (preview: PackagePreview) => Promise<void>;
  readonly onStep?: OnStep;
}
