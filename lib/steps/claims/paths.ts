/** Paths as bytes: followed through links. */
import { realpathSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { basename, dirname, join, toBuffer } from "../../archive/path.ts";
import { sharedWith } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";

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

/** Throws `E_CLAIM` for a path of the config, absolute, that a link on the site has made the same as another one. */
export function refuseShared(config: SiteConfig, place: string): void {
  const other = sharedWith(config, place);
  if (other !== undefined)
    throw new HoldfastError("E_CLAIM", `${place} leads to ${other.path}, which ${other.key} takes`, {
      hint: "remove the link, or leave the path to one of the two in the config",
    });
}
