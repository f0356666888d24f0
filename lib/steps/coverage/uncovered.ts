/** Paths of a site that no step covers. A directory that one unit has as a whole is not entered. */
import { readdirSync, type Dirent } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString, join, toBuffer } from "../../archive/path.ts";
import { RESTORE_PREFIX } from "../../archive/tree/walk.ts";
import type { SiteConfig } from "../../config/load.ts";
import { systemCode } from "../../errors.ts";
import type { Claims } from "../claims/site.ts";
import { realPath } from "../claims/paths.ts";
import { treeKinds } from "../claims/project-trees.ts";
import { CoveredPaths } from "./covered.ts";
import { ignoreMatcher } from "../claims/ignore.ts";
import { findFiles } from "../infra/files/sources.ts";
import { takesStrays, templateBase } from "../claims/path-template.ts";
import { trackedFiles } from "./tracked-files.ts";

/**
 * Lists the paths under the site's root, and under each of its further roots, that no step covers: relative to the
 * root, absolute below the others, directories with a trailing slash, sorted. The store and the config itself are not
 * reported.
 */
export async function findUncovered(
  config: SiteConfig,
  store: string,
  claims: Claims,
  signal: AbortSignal,
): Promise<string[]> {
  const covered = new CoveredPaths();
  for (const { path: file } of await claims.fixed()) for (const name of [file, realPath(file)]) covered.add(name);
  for (const file of [store, config.file]) covered.add(fromString(path.resolve(file)));
  for (const { template } of treeKinds(config)) {
    // A template whose only field ends its last segment covers the whole directory: strays in it are units too.
    covered.addDirectories(path.resolve(config.root, takesStrays(template) ? templateBase(template) : template));
  }
  for (const file of await certificates(config)) covered.add(fromString(file));
  for (const file of await trackedFiles(config, signal)) covered.add(fromString(file));
  const isIgnored = ignoreMatcher(config.ignore);
  const found = new Set<string>();
  for (const root of rootsOf(config)) {
    /**
     * Returns whether anything in the directory is covered, or named: else the directory itself would go without a
     * word.
     */
    const visit = (directory: BytePath): boolean => {
      let isHeld = false;
      for (const entry of entriesOf(directory)) {
        const inner = join(directory, entry.name.toString("latin1"));
        const name = shown(config.root, inner);
        const state = covered.look(inner, entry.isDirectory());
        isHeld ||= !isIgnored(name);
        if (state === "covered" || isIgnored(name) || (state === "partly" && visit(inner))) continue;
        found.add(entry.isDirectory() ? `${name}/` : name);
      }
      return isHeld;
    };
    if (covered.look(root, true) !== "covered") visit(root);
  }
  return [...found].toSorted();
}

/**
 * Names of a list of uncovered paths that a manifest holds, and characters of all of them: a document has its limits.
 */
const MOST_NAMES = 10_000;
const MOST_CHARACTERS = 8 * 1024 * 1024;

/** Returns the list as a manifest holds it: the first names, and how many more there are. */
export function shortenUncovered(names: readonly string[]): string[] {
  let characters = 0;
  const kept = names.slice(0, MOST_NAMES).filter((name) => (characters += name.length) <= MOST_CHARACTERS);
  const left = names.length - kept.length;
  return left === 0 ? kept : [...kept, `… and ${left} more`];
}

const rootsOf = ({ root, roots }: SiteConfig): BytePath[] =>
  [root, ...roots].map((one) => fromString(path.resolve(root, one)));

function shown(root: string, file: BytePath): string {
  const prefix = `${fromString(root)}/`;
  return display(file.startsWith(prefix) ? file.slice(prefix.length) : file);
}

/** Lists a directory; one that has gone, or that may not be read (which fails the units in it), holds nothing. */
function entriesOf(directory: BytePath): Dirent<Buffer>[] {
  try {
    return readdirSync(toBuffer(directory), { withFileTypes: true, encoding: "buffer" }).filter(
      ({ name }) => !name.toString("latin1").startsWith(RESTORE_PREFIX),
    );
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}

/** The certificates and keys whose names are listed: nothing of them is copied, which is what the config asks for. */
async function certificates({ root, infra }: SiteConfig): Promise<string[]> {
  const sources = await Promise.all((infra?.tls ?? []).map((entry) => findFiles(root, entry)));
  return sources.flat().flatMap((source) => (source.kind === "file" ? [source.file] : []));
}
