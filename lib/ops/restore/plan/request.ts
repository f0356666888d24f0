/** The request of a restore. */
import type { Signing } from "../../../config/settings/signing.ts";
import type { StepName } from "../../../model/unit.ts";
import type { ContentSource } from "../../runs/content-source.ts";
import type { IdentitySource } from "../../sealed/identity.ts";
import type { RestoreTarget } from "./paths/target.ts";

/** The owner of restored files: by name where this host has it (the default), by numeric id, or one owner for all. */
export type OwnerRule =
  | { readonly by: "name" }
  | { readonly by: "number" }
  | { readonly by: "one"; readonly uid: number; readonly gid: number };

export interface RestoreRequest {
  /** Path of the store. */
  readonly store: string;
  /** Id of a run, or `latest`. */
  readonly run: string;
  readonly target: RestoreTarget;
  /** Brings artifacts that are not in the store's directory. */
  readonly content?: ContentSource | undefined;
  /** Identity files that open sealed artifacts. */
  readonly identitySource?: IdentitySource;
  /** The steps to restore; empty for all. */
  readonly steps: readonly StepName[];
  /** Names of units, or of anything that a backup's `--only` accepts; empty for all. */
  readonly units: readonly string[];
  /** Path of one file or directory of the site. */
  readonly path?: string | undefined;
  /** Database that the dump is loaded into, in place of the configured one. */
  readonly database?: string | undefined;
  /** Compiles the projects from their sources with the site's own command, instead of restoring the compiled files. */
  readonly rebuild: boolean;
  /** False leaves the audio cache and the media snapshots out. */
  readonly media: boolean;
  /** False skips migrations. */
  readonly migrate: boolean;
  readonly allowNewerSchema: boolean;
  /** The reason to continue where nothing can be kept of what is replaced; undefined to stop there. */
  readonly withoutSafety?: string | undefined;
  readonly owners: OwnerRule;
  /** Passed to pg_restore unchanged. */
  readonly restoreFlags: readonly string[];
  /** Takes the units that the run lacks from their last good runs. */
  readonly complete?: boolean;
  readonly dryRun: boolean;
  readonly workers: number;
  readonly breakLock: boolean;
  /** The signers whose signatures count. */
  readonly signing?: Signing | undefined;
  /** Warns of a signature that is missing or does not count, instead of refusing. */
  readonly allowUnsigned?: boolean;
}
