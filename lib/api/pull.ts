/** Pulls runs from another host's store into a copy of it. */
import type { SiteConfig } from "../config/load.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { pull, type PullHooks as OpsHooks, type PullOutcome } from "../ops/pull/run.ts";
import { openAddress, openPlace } from "../targets/rsync/address.ts";
import type { Place } from "../targets/rsync/place.ts";
import type { Frame } from "./call.ts";

export interface PullOptions {
  /** `ssh://user@host:port/path`, an absolute path, or a target of the config. */
  readonly from: string;
  /** An id; by default every run that was never here. */
  readonly run?: string | undefined;
  /** The private key for `ssh://`; those of ssh and its agent when absent. */
  readonly key?: string | undefined;
  /** A file with the host key for `ssh://`; those of ssh when absent. */
  readonly knownHosts?: string | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
}

/** Callbacks of a pull. */
export type PullHooks = Partial<Pick<OpsHooks, "onRun" | "onBytes">>;

export interface PullSummary extends PullOutcome {
  readonly ok: boolean;
}

/** Pulls runs into a store. Throws what `pull` throws, and `E_USAGE` for an address that is none. */
export async function pullRuns(
  { store, config }: { readonly store: string; readonly config: SiteConfig | undefined },
  options: PullOptions,
  { onRun = () => {}, onBytes = () => {}, ...frame }: PullHooks & Frame,
): Promise<PullSummary> {
  const { place, bandwidth } = sourceOf(config, options, frame.signal);
  try {
    const { run, breakLock = false } = options;
    const request = { place, dest: store, site: config?.site, run, breakLock, bandwidth };
    const outcome = await pull(request, { ...frame, onRun, onBytes });
    return { ...outcome, ok: outcome.refused.length === 0 };
  } finally {
    await place.close();
  }
}

function sourceOf(
  config: SiteConfig | undefined,
  { from, key, knownHosts }: PullOptions,
  signal: AbortSignal,
): { readonly place: Place; readonly bandwidth: number | undefined } {
  const settings = config !== undefined && Object.hasOwn(config.targets, from) ? config.targets[from] : undefined;
  if (settings === undefined) return { place: openAddress(from, { key, knownHosts }, signal), bandwidth: undefined };
  if (settings.kind !== "rsync" && settings.kind !== "directory")
    throw new HoldfastError("E_USAGE", `the target ${from} is of the kind ${settings.kind}: pull copies trees`, {
      hint: "pull from a target of the kind rsync or directory, or from ssh://user@host:port/path",
    });
  return { place: openPlace(settings, signal), bandwidth: settings.bandwidth_limit };
}

/** Returns the exit status of a pull. */
export const exitOfPull = ({ ok }: PullSummary): number => (ok ? EXIT.ok : EXIT.verification);
