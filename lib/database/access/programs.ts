/** Finding the client programs. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The first of `names` that is on the PATH, as a full path. */
export function findProgram(names: readonly string[]): string | undefined {
  const directories = (process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin")
    .split(delimiter)
    .filter((path) => path !== "");
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
