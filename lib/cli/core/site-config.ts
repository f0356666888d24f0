/** The config of commands that work without one as well. */
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";

/** The config that is named by the flag or `$HOLDFAST_CONFIG`; without `--dest` the one that says where the store is; else none. */
export function siteConfigOf(given: string | undefined, dest: string | undefined): SiteConfig | undefined {
  const named = given ?? process.env["HOLDFAST_CONFIG"] ?? "";
  if (named === "" && dest !== undefined) return undefined;
  return requireSiteConfig(given);
}

/** The config that is named, or found where one usually is. Throws `E_CONFIG` when there is none. */
export const requireSiteConfig = (given: string | undefined): SiteConfig =>
  loadConfig(findConfig(given, process.env, PACKAGE_ROOT), process.env);
