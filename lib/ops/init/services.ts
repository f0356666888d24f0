/** Finds files of the host's services that name an installation's directory. */
import { readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { isFile, isInside, readText } from "./sources/files.ts";
import { literalExpression } from "./sources/secret-command.ts";

const PLACES = {
  nginx: ["nginx"],
  apache: ["apache2"],
  php: ["php"],
  cron: ["cron.d"],
  systemd: ["systemd/system"],
} as const;

/** Paths of files, by the key of `infra` that they belong under. */
export type Services = Readonly<Record<keyof typeof PLACES, readonly string[]>>;

const MAX_FILES = 400;
/** `infra` would interpret such a name as a pattern. */
const GLOB = /[*?[\]{}]/;
const POOL = /\/fpm\/pool\.d\//;

/**
 * Finds files below an `/etc` that contain the directory's path, except those in `taken`; a file and the links to it
 * count once.
 */
export function findServices(directory: string, etc: string, taken: ReadonlySet<string> = new Set()): Services {
  const naming = new RegExp(`${literalExpression(directory)}(?![\\w.-])`);
  let left = MAX_FILES;
  const find = (key: keyof Services): string[] => {
    const files = PLACES[key].flatMap((place) => filesBelow(path.join(etc, place)));
    const named = files.filter((file) => {
      if ((key === "php" && !POOL.test(file)) || GLOB.test(file) || left <= 0) return false;
      left--;
      return naming.test(readText(file) ?? "");
    });
    // A file of the installation itself stays in its tree, unredacted.
    const real = named
      .map((file) => realpathSync(file))
      .filter((file) => !isInside(file, directory) && !taken.has(file));
    return [...new Set(real)].toSorted();
  };
  return {
    nginx: find("nginx"),
    apache: find("apache"),
    php: find("php"),
    cron: find("cron"),
    systemd: find("systemd"),
  };
}

function filesBelow(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.map((entry) => path.join(entry.parentPath, entry.name)).filter(isFile);
  } catch {
    return []; // the service is not installed
  }
}
