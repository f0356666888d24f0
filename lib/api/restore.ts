/** Restores runs, ends in-place restores, and writes what restores a site without Holdfast. */
import path from "node:path";
import { defaultThreads } from "../archive/pool.ts";
import type { SiteConfig } from "../config/load.ts";
import { signingOf, type SigningSettings } from "../config/settings/signing.ts";
import { HoldfastError } from "../errors.ts";
import { STEP_NAMES, type StepName } from "../model/unit.ts";
import { makeKit, type Kit } from "../ops/recovery-kit/run.ts";
import { endRestore, type EndOutcome } from "../ops/restore/end.ts";
import { ownerRule } from "../ops/restore/plan/owner-rule.ts";
import { restore, type RestoreOutcome, type RestorePreview, type RestoreRequest } from "../ops/restore/run.ts";
import type { EndCommand } from "../ops/journals/restore-state.ts";
import { assertApart, wholeNumber, type Frame } from "./call.ts";
import type { ContentSource } from "../ops/runs/content-source.ts";

export const RESTORE_DEFAULTS = { run: "latest", owner: "name", media: true, migrate: true } as const;

export interface RestoreOptions {
  /** An id, or `latest`, the default. */
  readonly run?: string | undefined;
  /** Restores into this directory, which is empty or does not exist. */
  readonly to?: string | undefined;
  /** Restores in place, and keeps what is replaced; needs the config. */
  readonly inPlace?: boolean | undefined;
  /** Only these steps. */
  readonly steps?: readonly StepName[] | undefined;
  /** Only these units: project ids or names, legacy trees, databases … */
  readonly units?: readonly string[] | undefined;
  /** Takes units that failed in the run from their last good runs. */
  readonly complete?: boolean | undefined;
  /** Only this file or directory of the site. */
  readonly path?: string | undefined;
  /** Files of identities that open sealed artifacts; `encryption.identity_command` by default. */
  readonly identities?: readonly string[] | undefined;
  /** URL of the database to load the dump into. */
  readonly database?: string | undefined;
  /** Compiles projects again instead of restoring the compiled files. */
  readonly rebuild?: boolean | undefined;
  /** False skips the audio cache and media trees. */
  readonly media?: boolean | undefined;
  /** False skips pending migrations. */
  readonly migrate?: boolean | undefined;
  /** Restores a backup that is newer than the code. */
  readonly allowNewerSchema?: boolean | undefined;
  /** The reason to continue without a safety dump, if none can be made. */
  readonly withoutSafety?: string | undefined;
  /** Owner of the restored files: `name`, the default, `number`, or `USER[:GROUP]`. */
  readonly owner?: string | undefined;
  /** Flags for pg_restore. */
  readonly restoreFlags?: readonly string[] | undefined;
  readonly workers?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly breakLock?: boolean | undefined;
  /** File of the signers whose signatures count; that of the config by default. */
  readonly allowedSigners?: string | undefined;
  /** Restores a run whose signature is missing or does not count, with a warning. */
  readonly allowUnsigned?: boolean | undefined;
}

/** Callbacks of a restore. */
export interface RestoreHooks {
  /** Called with the plan before anything changes; an error that it throws cancels the restore. */
  readonly confirm?: ((preview: RestorePreview) => Promise<void>) | undefined;
  /** Called with each phase. */
  readonly onPhase?: ((phase: string) => void) | undefined;
  /** Called with the bytes of the phase done so far, and their approximate total. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
}

/** A site whose config is read if it is needed. */
export interface LazySite {
  readonly store: string;
  /** Throws `E_CONFIG` without a config. */
  readonly config: () => SiteConfig;
  /** Brings what is not in the directory of a store on a target. */
  readonly content?: ContentSource | undefined;
  /** Returns the config if there is one. */
  readonly known: () => SiteConfig | undefined;
  /** The config's section, if a config is known. */
  readonly signing: SigningSettings | undefined;
}

/** Restores a run. Throws `E_CONFIRM` in place without `confirm`, and what `restore` throws. */
export async function restoreRun(
  site: LazySite,
  options: RestoreOptions,
  { signal, report, confirm, onPhase = () => {}, onBytes = () => {} }: Frame & RestoreHooks,
): Promise<RestoreOutcome> {
  const request = requestOf(site, options);
  if (request.target.kind === "in-place" && !request.dryRun && confirm === undefined)
    throw new HoldfastError("E_CONFIRM", "an in-place restore needs confirmation", {
      hint: "give confirm, which is called with the plan",
    });
  const asked = confirm ?? (async () => {});
  return await restore(request, { signal, report, confirm: asked, onPhase, onBytes });
}

function requestOf({ store, config, content, known, signing }: LazySite, options: RestoreOptions): RestoreRequest {
  assertApart(options, ["to", "inPlace"], ["complete", "path"]);
  const { to, inPlace = false, steps = [], workers } = options;
  if (to === undefined && !inPlace) throw new HoldfastError("E_USAGE", "neither a directory nor in place was given");
  const directory = to === undefined ? undefined : path.resolve(to);
  const { identities = [] } = options;
  return {
    store,
    run: options.run ?? RESTORE_DEFAULTS.run,
    target: directory === undefined ? { kind: "in-place", config: config() } : { kind: "directory", directory },
    content,
    identitySource: { identities, config: identities.length > 0 ? undefined : known() },
    steps: STEP_NAMES.filter((step) => steps.includes(step)),
    units: options.units ?? [],
    path: options.path,
    database: options.database,
    rebuild: options.rebuild ?? false,
    media: options.media ?? RESTORE_DEFAULTS.media,
    migrate: options.migrate ?? RESTORE_DEFAULTS.migrate,
    allowNewerSchema: options.allowNewerSchema ?? false,
    withoutSafety: options.withoutSafety,
    owners: ownerRule(options.owner ?? RESTORE_DEFAULTS.owner),
    restoreFlags: options.restoreFlags ?? [],
    complete: options.complete ?? false,
    dryRun: options.dryRun ?? false,
    workers: workers === undefined ? defaultThreads() : wholeNumber("workers", workers, 1),
    breakLock: options.breakLock ?? false,
    signing: signingOf({ signing }, options.allowedSigners),
    allowUnsigned: options.allowUnsigned ?? false,
  };
}

export interface EndRestoreOptions {
  /** `confirm` removes what was replaced, `rollback` puts it back, `recover` ends an interrupted restore. */
  readonly how: EndCommand;
  /** Id of the restore; the only pending one by default. */
  readonly restore?: string | undefined;
  /** The database that the restore was given, if it was not the configured one. */
  readonly database?: string | undefined;
  readonly breakLock?: boolean | undefined;
}

/** Ends a restore. Throws what `endRestore` throws. */
export const endRestoreOf = async (
  { store, config }: { readonly store: string; readonly config: SiteConfig | undefined },
  { how, restore: id, database, breakLock = false }: EndRestoreOptions,
  frame: Frame,
): Promise<EndOutcome> => await endRestore({ store, config, how, restore: id, database, breakLock }, frame);

export interface RecoveryKitOptions {
  /** Path of the kit: a new or an empty directory. */
  readonly directory: string;
  /** File with an identity that opens sealed runs; it goes into the kit. */
  readonly identity?: string | undefined;
  /** Leaves the identity unsealed; otherwise `age` asks for a passphrase on the terminal. */
  readonly plainIdentity?: boolean | undefined;
}

export type RecoveryKitSummary = Kit;

/** Writes the kit. Throws `E_USAGE` for `plainIdentity` without an identity, and what `makeKit` throws. */
export async function makeRecoveryKit(
  { config, store }: { readonly config: SiteConfig; readonly store: string },
  { directory, identity, plainIdentity = false }: RecoveryKitOptions,
  frame: Frame,
): Promise<RecoveryKitSummary> {
  if (plainIdentity && identity === undefined)
    throw new HoldfastError("E_USAGE", "plainIdentity has no effect without an identity");
  return await makeKit({ config, store: path.resolve(store), directory, identity, plainIdentity }, frame);
}
