/** Finds the store of a command. */
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { lastValue } from "./arguments.ts";
import type { SiteStore } from "../../api/site.ts";
import { findStore } from "../../store/open.ts";
import { configOfSite, requireSiteConfig } from "./site-config.ts";

type Given = string | string[] | undefined;

/**
 * Returns the store's path: `--dest`, else the config's. The config is only read for its `dest`: with `--dest`, no
 * config is needed.
 */
export function storeOf(flags: { readonly config?: Given; readonly dest?: Given }): string {
  const dest = lastValue(flags.dest);
  if (dest !== undefined) return path.resolve(dest);
  const config = requireSiteConfig(lastValue(flags.config));
  if (config.dest !== undefined) return config.dest;
  throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config");
}

/** Returns the store, and the config of its site if that is known. Throws `E_STORE`, `E_CONFIG`. */
export async function siteStoreOf(flags: { readonly config?: Given; readonly dest?: Given }): Promise<SiteStore> {
  const store = storeOf(flags);
  return { store, config: configOfSite((await findStore(store)).site, lastValue(flags.config)) };
}

/** Returns an absolute path that a flag gives. */
export const pathOf = (given: Given): string | undefined => {
  const value = lastValue(given);
  return value === undefined ? undefined : path.resolve(value);
};
