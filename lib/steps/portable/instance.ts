/** The installation that a database belongs to: rows identified by generated id match only in its own exports. */
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { findStore } from "../../store/open.ts";

/** Returns its name in the config, else the id of the site's store; undefined if there is neither. */
export async function instanceOf(config: SiteConfig | undefined): Promise<string | undefined> {
  const named = config?.portable?.instance;
  if (named !== undefined || config?.dest === undefined) return named;
  try {
    return (await findStore(config.dest)).id;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_STORE") return undefined;
    throw error;
  }
}
