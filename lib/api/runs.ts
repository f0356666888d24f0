/** The runs of a store: lists, finds, logs, deletes and pins. */
import { deleteRun, type DeleteOutcome } from "../ops/removal/delete.ts";
import { pin, unpin } from "../ops/removal/pinned.ts";
import { findFiles, type FindOutcome, type FoundFile } from "../ops/find/run.ts";
import { listStore, type ListedRun } from "../ops/runs/list.ts";
import { listUnits, type ListedUnit } from "../ops/runs/list-units.ts";
import { readLog, type LogLevel } from "../ops/runs/log.ts";
import type { LogLine } from "../model/event.ts";
import type { StepName } from "../model/unit.ts";
import type { Frame } from "./call.ts";
import type { SiteStore } from "./site.ts";

export const FIND_DEFAULTS = { run: "all" } as const;
export const LOG_DEFAULTS = { run: "latest", level: "info" } as const;

export interface ListOptions {
  /** Lists only runs that have all of these tags. */
  readonly tags?: readonly string[] | undefined;
}

export interface ListSummary {
  /** Path of the store. */
  readonly store: string;
  readonly site: string;
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  /** Runs without a signature among signed ones, and a newest signed run that is gone. */
  readonly warnings: readonly string[];
}

/** Lists the runs of a store. Throws `E_STORE`. */
export async function listRuns(dest: string, { tags = [] }: ListOptions): Promise<ListSummary> {
  const { store, runs, warnings } = await listStore(dest, tags);
  return { store: store.path, site: store.site, runs, warnings };
}

/** One run of a store. */
export interface RunOptions {
  /** An id, `latest` or `last`. */
  readonly run: string;
}

export interface UnitsSummary {
  readonly run: string;
  readonly units: readonly ListedUnit[];
}

/** Lists the units of a run. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export const unitsOf = async (dest: string, { run }: RunOptions): Promise<UnitsSummary> => await listUnits(dest, run);

export interface PathsSummary {
  readonly run: string;
  readonly paths: readonly { readonly path: string; readonly step: StepName; readonly unit: string }[];
}

/** Lists the site's paths in a run, each with its unit. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export async function pathsOf(dest: string, options: RunOptions): Promise<PathsSummary> {
  const { run, units } = await unitsOf(dest, options);
  const paths = units
    .flatMap(({ step, unit, places }) => places.map((path) => ({ path, step, unit })))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return { run, paths };
}

export interface FindOptions {
  /** A name; a glob of names; with a slash, a glob of paths on the site. */
  readonly pattern: string;
  /** An id, `latest`, or `all`, the default. */
  readonly run?: string | undefined;
  readonly ignoreCase?: boolean | undefined;
  /** Files of identities that open sealed artifacts; `encryption.identity_command` by default. */
  readonly identities?: readonly string[] | undefined;
}

/** Finds files in the runs of a store; calls `onFound` with each. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export const findIn = async (
  { store, config, content }: SiteStore,
  { pattern, run = FIND_DEFAULTS.run, ignoreCase = false, identities }: FindOptions,
  { signal, onFound }: Pick<Frame, "signal"> & { readonly onFound: (found: FoundFile) => void },
): Promise<FindOutcome> =>
  await findFiles(
    { store, run, pattern, ignoreCase, content, identitySource: { identities, config } },
    { signal, onFound },
  );

export interface LogOptions {
  /** An id, or `latest`, the default. */
  readonly run?: string | undefined;
  /** The minimum level of the lines; `info` by default. */
  readonly level?: LogLevel | undefined;
}

/** Yields the lines of a run's log, each with its text. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export const logOf = (
  store: string,
  { run = LOG_DEFAULTS.run, level = LOG_DEFAULTS.level }: LogOptions,
): AsyncGenerator<{ line: LogLine; text: string }> => readLog(store, run, level);

export interface DeleteOptions {
  /** Id of a run, or of one that was interrupted and never published. */
  readonly run: string;
  readonly dryRun?: boolean | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
}

export interface DeleteSummary extends DeleteOutcome {
  readonly dry_run: boolean;
}

/** Deletes a run. Throws what `deleteRun` throws. */
export async function deleteOne(
  { store, config }: SiteStore,
  { run, dryRun = false, breakLock = false }: DeleteOptions,
  frame: Frame,
): Promise<DeleteSummary> {
  const {
    incomplete,
    freed_bytes,
    run: id,
  } = await deleteRun({ store, run, dryRun, breakLock, signing: config?.signing }, frame);
  return { run: id, incomplete, freed_bytes, dry_run: dryRun };
}

export interface PinOptions extends RunOptions {
  readonly reason?: string | undefined;
}

export interface PinSummary {
  readonly run: string;
  readonly reason: string | null;
  readonly by: string;
  readonly at: string;
}

/** Pins a run; with a key in the config the pin is signed. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_SIGNING`. */
export async function pinRun(
  { store, config }: SiteStore,
  options: PinOptions,
  { signal }: Pick<Frame, "signal">,
): Promise<PinSummary> {
  const request = { store, run: options.run, reason: options.reason ?? null, signing: config?.signing };
  const { run, reason, by, at } = await pin(request, signal);
  return { run, reason, by, at };
}

/** Releases a run that was pinned. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_USAGE` for a run that is not pinned. */
export const unpinRun = async (store: string, { run }: RunOptions): Promise<{ readonly run: string }> => ({
  run: await unpin(store, run),
});
