/** Places that links lead to, whether something is there or not. */
import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../errors.ts";
import { fromString, toBuffer } from "./path.ts";
import { atTrusted, MOST_LINKS, refuseForeign } from "./trusted-path.ts";

/** Stands for the owner of what is not there: where it would be made is another's choice. */
const NOBODY = -1n;

/** As `realpath`, also where the last link leads to nothing. Throws `E_LINK` for a link that cannot be trusted. */
export function realPlace(file: string, depth = 0): string {
  const place = path.join(realDirectory(path.dirname(file)), path.basename(file));
  const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (stats?.isSymbolicLink() !== true || depth === MOST_LINKS) return place;
  const target = statSync(place, { bigint: true, throwIfNoEntry: false })?.uid;
  refuseForeign({ link: fromString(place), owner: stats.uid }, target ?? NOBODY);
  return realPlace(path.resolve(path.dirname(place), readlinkSync(place)), depth + 1);
}

function realDirectory(directory: string): string {
  try {
    return atTrusted(fromString(directory), (at) => realpathSync.native(toBuffer(at)));
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    return directory;
  }
}
