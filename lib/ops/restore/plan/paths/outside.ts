/**
 * Restricts writes outside the site's root to the paths that the config assigns to a unit. Anyone who can write to the
 * store can change a run, and an in-place restore often runs as root.
 */
import path from "node:path";
import picomatch from "picomatch";
import { fromString, isBelow } from "../../../../archive/path.ts";
import { baseOf, claimsOf } from "../../../../config/claims.ts";
import type { SiteConfig } from "../../../../config/load.ts";

/**
 * Returns a predicate: true for an absolute path of a tree or database of the config, or, with `follow_links`, one that
 * may be.
 */
export function takesOutside(config: SiteConfig): (place: string) => boolean {
  const claimed = claimsOf(config)
    .filter(({ step }) => step !== "infra")
    .map(({ path: file }) => fromString(baseOf(file)));
  return (place) => config.follow_links || claimed.some((one) => place === one || isBelow(place, one));
}

/** Returns a predicate: true for an absolute path that `infra` of the config names, directly or by its directory. */
export function takesInfra(config: SiteConfig): (file: string) => boolean {
  const named = claimsOf(config)
    .filter(({ step }) => step === "infra")
    .map(({ path: entry }) => ({ entry, isMatch: picomatch(entry, { dot: true }) }));
  const root = path.resolve(config.root);
  return (file) =>
    isBelow(file, root) || named.some(({ entry, isMatch }) => file === entry || isBelow(file, entry) || isMatch(file));
}
