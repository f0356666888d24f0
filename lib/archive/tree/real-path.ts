/** Resolves links, also to paths that do not exist. */
import { lstatSync, readlinkSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { fromString, toBuffer } from "../path.ts";
import { MOST_LINKS, assertTrustedLink, TrustedPath } from "./trusted-path.ts";

/** The owner of a missing target: the owner of the link chooses where it would be created. */
const NOBODY = -1n;

/** Returns the real path, also of a dangling link. Throws `E_LINK` for a link that cannot be trusted. */
export function realPlace(file: string, depth = 0): string {
  const known = realIfThere(file);
  if (known !== undefined) return known;
  const directory = path.dirname(file);
  const place = path.join(realIfThere(directory) ?? directory, path.basename(file));
  const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (stats?.isSymbolicLink() !== true || depth === MOST_LINKS) return place;
  assertTrustedLink({ link: fromString(place), owner: stats.uid }, NOBODY);
  return realPlace(path.resolve(path.dirname(place), readlinkSync(place)), depth + 1);
}

function realIfThere(file: string): string | undefined {
  let at: TrustedPath;
  try {
    at = new TrustedPath(fromString(file));
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    return undefined;
  }
  try {
    return toBuffer(at.real).toString();
  } finally {
    at.close();
  }
}
