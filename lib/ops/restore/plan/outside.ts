/**
 * Places outside of the site's root. A run belongs to whoever may write to the store, and a restore in place often runs as root: only what the
 * config gives a unit is written to.
 */
import path from "node:path";
import picomatch from "picomatch";
import { fromString, isBelow } from "../../../archive/path.ts";
import { baseOf, claimsOf } from "../../../config/claims.ts";
import type { SiteConfig } from "../../../config/load.ts";

/** Returns a test of absolute paths: whether a tree or a database of the config lies there, or, with `follow_links`, may. */
export function takesOutside(config: SiteConfig): (place: string) => boolean {
  const claimed = claimsOf(config)
    .filter(({ step }) => step !== "infra")
    .map(({ path: file }) => fromString(baseOf(file)));
  return (place) => config.follow_links || claimed.some((one) => place === one || isBelow(place, one));
}

/** Returns a test of absolute paths: whether `infra` of the config names a file, or the directory that it lies in. */
export function takesInfra(config: SiteConfig): (file: string) => boolean {
  const named = claimsOf(config)
    .filter(({ step }) => step === "infra")
    .map(({ path: entry }) => ({ entry, isMatch: picomatch(entry, { dot: true }) }));
  const root = path.resolve(config.root);
  return (file) =>
    isBelow(file, root) || named.some(({ entry, isMatch }) => file === entry || isBelow(file, entry) || isMatch(file));
}
