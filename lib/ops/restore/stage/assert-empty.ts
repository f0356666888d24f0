/** Checks the target directory of `restore --to`. */
import { readdirSync } from "node:fs";
import { asHoldfastError, HoldfastError, systemCode } from "../../../errors.ts";

/** A directory that the file system itself creates. */
const NOT_CONTENT = "lost+found";

/**
 * Throws `E_TARGET` unless the directory is empty or missing: restored files could not be distinguished from others.
 */
export function assertEmpty(directory: string): void {
  const hint = "name an empty directory, or one that does not exist yet";
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name !== NOT_CONTENT);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return;
    const message =
      code === "ENOTDIR" ? `${directory} is not a directory` : `${directory}: ${asHoldfastError(error).message}`;
    throw new HoldfastError("E_TARGET", message, { hint, cause: error });
  }
  if (names.length > 0) throw new HoldfastError("E_TARGET", `the directory ${directory} is not empty`, { hint });
}
