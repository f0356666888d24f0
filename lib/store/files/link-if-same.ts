/** Links a small file instead of writing it again. */
import { linkSync } from "node:fs";
import { DOCUMENT } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";

/**
 * Links `target` to an earlier file if that has exactly these bytes. Returns false if it has not, is missing or cannot
 * be linked: the caller writes the target.
 */
export function linkIfSame(earlier: string, target: string, bytes: Buffer): boolean {
  try {
    if (!readRegular(earlier, DOCUMENT.bytes, "E_VERIFY").equals(bytes)) return false;
    linkSync(earlier, target);
    return true;
  } catch {
    return false;
  }
}
