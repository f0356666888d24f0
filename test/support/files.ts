/** Lists the files of trees. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Every file below a directory, relative to it, sorted. */
export function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
