/** The config of commands that work without one as well. */
import { findConfig, loadConfig, type SiteConfig } from "../config/load.ts";
import { HOME } from "../exec/compiled.ts";

/** The config that is named; without a name, the one that `$HOLDFAST_CONFIG` names, or none. */
export function siteConfigOf(given: string | undefined): SiteConfig | undefined {
  const named = given ?? process.env["HOLDFAST_CONFIG"];
  if (named === undefined || named === "") return undefined;
  return loadConfig(findConfig(given, process.env, HOME), process.env);
}
