/** Checks that only root and the user of this process can change a file, so that what it says can be trusted. */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import path from "node:path";
import { MOST_LINKS } from "../../archive/tree/trusted-path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Returns the real path of a file. Throws `E_CONFIG` if it is missing or no regular file, or if another user could
 * replace it: through its own mode, a directory that leads to it, or a link.
 */
export function trustedFile(file: string, key: string): string {
  const refuse = (why: string, hint: string): never => {
    throw new HoldfastError("E_CONFIG", `${key} ${file} ${why}`, { hint });
  };
  const { uid: own = -1 } = { uid: process.geteuid?.() };
  const check = (at: string, stats: Stats): void => {
    const isSticky = stats.isDirectory() && (stats.mode & STICKY) !== 0;
    if (stats.uid !== 0 && stats.uid !== own)
      refuse(`cannot be trusted: ${at} belongs to the user ${stats.uid}`, `chown root ${at}`);
    if (!stats.isSymbolicLink() && (stats.mode & WRITABLE_BY_OTHERS) !== 0 && !isSticky)
      refuse(`cannot be trusted: ${at} can be written by its group or by everyone`, `chmod go-w ${at}`);
  };
  let links = 0;
  let at = "/";
  let last = lstatSync(at);
  const names = namesOf(path.resolve(file));
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = path.join(at, name);
    last = statOf(next) ?? refuse("does not exist", `create it, or correct ${key}`);
    check(next, last);
    if (!last.isSymbolicLink()) at = next;
    else if (++links > MOST_LINKS) refuse("leads through too many links", `correct ${key}`);
    else {
      const target = path.resolve(at, readlinkSync(next));
      names.unshift(...namesOf(target));
      at = "/";
    }
  }
  return last.isFile() ? at : refuse("is not a regular file", `correct ${key}`);
}

const namesOf = (file: string): string[] => file.split("/").filter((name) => name !== "");

function statOf(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw new HoldfastError("E_CONFIG", `${file} cannot be examined (${systemCode(error) ?? "?"})`, { cause: error });
  }
}
