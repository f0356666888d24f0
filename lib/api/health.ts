/** Checks whether a site works and is backed up, now and by a timer. */
import type { SiteConfig } from "../config/load.ts";
import { HoldfastError } from "../errors.ts";
import { checkHealth, type Health, type HealthCheck } from "../ops/health/run.ts";
import { watch, type Watch } from "../ops/watch/run.ts";
import type { Frame } from "./call.ts";
import { countProblems } from "./verify.ts";

export const HEALTH_DEFAULTS = { maxAge: 26 } as const;

export interface HealthOptions {
  /** Maximum age of the newest run, in hours; 26 by default. */
  readonly maxAge?: number | undefined;
}

/** Callbacks of a health check. */
export interface HealthHooks {
  /** Called with each check as soon as it is done. */
  readonly onCheck?: ((check: HealthCheck) => void) | undefined;
}

export interface HealthSummary extends Health {
  readonly error_count: number;
}

/** Checks a site; without a store, the backups are not checked. Throws `E_USAGE` for an invalid age. */
export async function healthOf(
  { config, store }: { readonly config: SiteConfig; readonly store: string | undefined },
  { maxAge = HEALTH_DEFAULTS.maxAge }: HealthOptions,
  { signal, onCheck = () => {} }: Pick<Frame, "signal"> & HealthHooks,
): Promise<HealthSummary> {
  if (!(maxAge > 0)) throw new HoldfastError("E_USAGE", "the maximum age must be a number of hours");
  const { site, ok, checks } = await checkHealth({ config, store: store ?? config.dest, maxAge }, { signal, onCheck });
  return { site, ok, error_count: countProblems(checks), checks };
}

export interface WatchSummary extends Watch {
  readonly error_count: number;
}

/** Watches a site, and sends alerts of what is wrong. Throws what `watch` throws. */
export async function watchSite(
  { config, store }: { readonly config: SiteConfig; readonly store: string },
  { signal }: Pick<Frame, "signal">,
): Promise<WatchSummary> {
  const { site, ok, checks, warnings } = await watch(config, store, signal);
  return { site, ok, error_count: countProblems(checks), warnings, checks };
}
