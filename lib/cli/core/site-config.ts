/** Finds the config of commands that also work without one. */
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";

/**
 * Loads the config of the flag or `$HOLDFAST_CONFIG`; without `--dest` also one at a default path; undefined if there
 * is none.
 */
export function siteConfigOf(given: string | undefined, dest: string | undefined): SiteConfig | undefined {
  const named = given ?? process.env["HOLDFAST_CONFIG"] ?? "";
  if (named === "" && dest !== undefined) return undefined;
  return requireSiteConfig(given);
}

/** Loads the config of the flag, or one at a default path. Throws `E_CONFIG` if there is none. */
export const requireSiteConfig = (given: string | undefined): SiteConfig =>
  loadConfig(findConfig(given, process.env, PACKAGE_ROOT), process.env);
