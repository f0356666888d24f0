/** What a restore is asked to do. */
import type { SiteConfig } from "../../../config/load.ts";
import type { StepName } from "../../../model/unit.ts";

/** Where the site goes: a directory that shows it as it was, or where the config says that things live. */
export type RestoreTarget =
  | { readonly kind: "directory"; readonly directory: string }
  | { readonly kind: "in-place"; readonly config: SiteConfig };

/** Whose the files become: by name where this host knows it (the default), by number, or all of one owner. */
export type OwnerRule =
  | { readonly by: "name" }
  | { readonly by: "number" }
  | { readonly by: "one"; readonly uid: number; readonly gid: number };

export interface RestoreRequest {
  /** Path of the store. */
  readonly store: string;
  /** A run's id, or `latest`. */
  readonly run: string;
  readonly target: RestoreTarget;
  /** Empty: all that the run holds. */
  readonly steps: readonly StepName[];
  /** Names of units, or of what `--only` of a backup takes; empty: all. */
  readonly units: readonly string[];
  /** One file or directory of the site, by its place. */
  readonly path?: string | undefined;
  /** Where the dump goes instead of the configured database. */
  readonly database?: string | undefined;
  /** Compile the projects from their sources by the site's own command, rather than bring back what was compiled. */
  readonly rebuild: boolean;
  /** False leaves the audio cache and the media snapshots out. */
  readonly media: boolean;
  /** False runs no migration. */
  readonly migrate: boolean;
  readonly allowNewerSchema: boolean;
  /** Why it is to go on where nothing can be kept of what it replaces; undefined: it is not to. */
  readonly withoutSafety?: string | undefined;
  readonly owners: OwnerRule;
  /** Handed to pg_restore as they are. */
  readonly restoreFlags: readonly string[];
  /** Takes the units that the run lacks from their last good runs. */
  readonly complete?: boolean;
  readonly dryRun: boolean;
  readonly workers: number;
  readonly breakLock: boolean;
}
