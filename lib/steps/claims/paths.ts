/** Paths as bytes: followed through links. */
import { realpathSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { basename, dirname, join, toBuffer } from "../../archive/path.ts";
import { sharedInStep, sharedWith } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { StepName } from "../../model/unit.ts";

/** The path with its links followed, as far as it exists. */
export function realPath(file: BytePath): BytePath {
  try {
    return realpathSync.native(toBuffer(file), { encoding: "buffer" }).toString("latin1");
  } catch {
    const parent = dirname(file);
    return parent === file ? file : join(realPath(parent), basename(file));
  }
}

/** The path of an entry of the file system: links followed but for one that is the entry itself. */
export const entryPath = (file: BytePath): BytePath =>
  dirname(file) === file ? file : join(realPath(dirname(file)), basename(file));

/**
 * Throws `E_CLAIM` for an absolute path of the config that a symlink on the site redirects to the path of another key.
 */
export function assertOwnTree(config: SiteConfig, place: string): void {
  const shared = sharedWith(config, place);
  if (shared !== undefined) throw redirected(shared);
}

/** Throws `E_CLAIM` like `assertOwnTree`, for the paths of a step that are not trees. */
export function assertOwnPaths(config: SiteConfig, step: StepName): void {
  const shared = sharedInStep(config, step);
  if (shared !== undefined) throw redirected(shared);
}

const redirected = ({ claim, other }: NonNullable<ReturnType<typeof sharedWith>>): HoldfastError =>
  new HoldfastError("E_CLAIM", `${claim.path} is redirected by a symlink to ${other.path}, which ${other.key} takes`, {
    hint: "remove the symlink, or leave the path to one of the two in the config",
  });
