/** Finds the config of commands that also work without one. */
import path from "node:path";
import { findConfig, loadConfig, lookForConfig, type SiteConfig } from "../../config/load.ts";
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

/**
 * Loads the config of the site that has a store: that of the flag or `$HOLDFAST_CONFIG`, or one at a default path;
 * undefined if there is none, or if one at a default path is of another site.
 */
export function configOfSite(site: string, given: string | undefined): SiteConfig | undefined {
  const file = lookForConfig(given, process.env, CONFIG_HOME);
  if (file === undefined) return undefined;
  const config = loadConfig(file, process.env);
  const isNamed = (given ?? process.env["HOLDFAST_CONFIG"] ?? "") !== "";
  return isNamed || config.site === site ? config : undefined;
}

/** Loads the config of the flag, or one at a default path. Throws `E_CONFIG` if there is none. */
export const requireSiteConfig = (given: string | undefined): SiteConfig => loadConfig(configFile(given), process.env);

/** Returns the config of the flag, or one at a default path. Throws `E_CONFIG` if there is none. */
export const configFile = (given: string | undefined): string => findConfig(given, process.env, CONFIG_HOME);

/**
 * The directory of `config/site.yaml`: the checkout. An installed package is replaced by the next one, so that it is
 * the working directory there.
 */
export const CONFIG_HOME = PACKAGE_ROOT.split(path.sep).includes("node_modules") ? process.cwd() : PACKAGE_ROOT;
