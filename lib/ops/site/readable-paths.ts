/** Checks whether this process can read what a config names: its trees and files, and the files of its secrets. */
import { closeSync, constants, lstatSync, openSync, statSync } from "node:fs";
import path from "node:path";
import { baseOf, claimsOf } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { systemCode } from "../../errors.ts";

/** A path of the config, and why it cannot be read. */
export interface UnreadablePath {
  /** The key, such as `trees[0]`. */
  readonly key: string;
  readonly path: string;
  readonly message: string;
}

interface NamedPath {
  readonly key: string;
  readonly path: string;
  /** It may be missing. */
  readonly isOptional?: boolean;
}

const MISSING = "does not exist";

/** Lists the paths that are missing or closed to this process. Globs and what lies below a path are not looked at. */
export function unreadablePaths(config: SiteConfig): UnreadablePath[] {
  const { root, roots, infra } = config;
  const named: readonly NamedPath[] = [
    { key: "root", path: root },
    ...roots.map((one, index) => ({ key: `roots[${index}]`, path: path.resolve(root, one) })),
    ...claimsOf(config)
      .filter(({ isGlob }) => isGlob !== true)
      // A text type that no project has been compiled for has no directory.
      .map(({ key, path: place, step }) => ({ key, path: baseOf(place), isOptional: step === "compiled_exports" })),
    ...(infra?.repo === undefined ? [] : [{ key: "infra.repo", path: path.resolve(root, infra.repo) }]),
    ...secretFiles(config).map(({ key, file }) => ({ key, path: path.resolve(root, file) })),
  ];
  return named.flatMap(({ key, path: place, isOptional }) => {
    const message = faultOf(place);
    const isFault = message !== undefined && !(isOptional === true && message === MISSING);
    return isFault ? [{ key, path: place, message }] : [];
  });
}

/** Lists the files of secrets, which have keys that end in `_file`, wherever they stand in the config. */
function secretFiles(config: SiteConfig): { key: string; file: string }[] {
  const { file: _file, text: _text, warnings: _warnings, lock_file: _lock, ...settings } = config;
  const found: { key: string; file: string }[] = [];
  const visit = (value: unknown, key: string): void => {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) visit(item, `${key}[${index}]`);
    else if (typeof value === "object" && value !== null)
      for (const [name, item] of Object.entries(value)) {
        const inner = key === "" ? name : `${key}.${name}`;
        if (name.endsWith("_file") && typeof item === "string") found.push({ key: inner, file: item });
        else visit(item, inner);
      }
  };
  visit(settings, "");
  return found;
}

/**
 * Opens a file or directory: access(2) would not count CAP_DAC_READ_SEARCH. Other kinds are not opened. Returns why it
 * cannot be read.
 */
function faultOf(file: string): string | undefined {
  try {
    const found = statSync(file);
    // The right to search a directory is needed as well as that to list it.
    if (found.isDirectory()) openAndClose(`${file}/.`);
    else if (found.isFile()) openAndClose(file);
    return undefined;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return isBrokenLink(file) ? "is a broken link" : MISSING;
    return code === "EACCES" || code === "EPERM" ? "cannot be read by this user" : `cannot be read: ${code ?? "?"}`;
  }
}

const openAndClose = (file: string): void => closeSync(openSync(file, constants.O_RDONLY | constants.O_NONBLOCK));

const isBrokenLink = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
