/** The trees of a site that go into a package: those of the config, and further directories. */
import { statSync } from "node:fs";
import path from "node:path";
import { realPlace } from "../../archive/tree/real-path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { placeOf } from "../../store/files/layout.ts";
import { TREE_NAME } from "./format.ts";

export interface StorageTree {
  readonly name: string;
  /** An absolute path, every link in it resolved. */
  readonly directory: string;
  /** Relative to the site's root; null if it lies elsewhere. */
  readonly place: string | null;
}

/**
 * Returns the paths of the config's trees as written there: media, legacy content, the audio cache, and the parents of
 * projects.
 */
function configuredPlaces(config: SiteConfig): string[] {
  const { projects, legacy, snapshots, audio_cache, trees } = config;
  const patterns = [
    ...(projects?.glob === undefined ? [] : [projects.glob]),
    ...(projects?.source !== undefined && "path" in projects.source ? [projects.source.path] : []),
    ...Object.values(projects?.compiled?.text_types ?? {}).map((one) => one.path),
    ...(projects?.compiled?.media ?? []).map((one) => one.path),
  ];
  const plain = [
    ...(legacy === undefined ? [] : [legacy.path]),
    ...(audio_cache === undefined ? [] : [audio_cache.path]),
    ...(snapshots?.media ?? []),
    ...trees.map((tree) => tree.path),
  ];
  return [...plain, ...patterns.map(fixedPart).filter((place) => place !== "" && place !== "/")];
}

/** Returns the directory above the first placeholder: `content` of `content/{id}`. */
const fixedPart = (pattern: string): string => {
  const parts = pattern.split("/");
  const open = parts.findIndex((part) => /[{*?[]/.test(part));
  return (open === -1 ? parts : parts.slice(0, open)).join("/");
};

/** Returns the trees of a config and their names, which do not depend on where the config is. Reads no directory. */
export function configuredTrees(config: SiteConfig): StorageTree[] {
  const places = [...new Set(configuredPlaces(config).map((place) => path.resolve(config.root, place)))];
  const outer = places.filter((one) => !places.some((other) => one !== other && isBelow(one, other)));
  return named(outer.toSorted().map((directory) => ({ directory, place: relative(config.root, directory) })));
}

/**
 * Returns the trees of a config and further directories, as they exist on this host. Throws `E_MISSING` for a missing
 * one.
 */
export function storageTrees(config: SiteConfig | undefined, further: readonly string[]): StorageTree[] {
  const known = config === undefined ? [] : configuredTrees(config);
  const more = further
    .map((directory) => path.resolve(directory))
    .filter((directory) => !known.some((tree) => tree.directory === directory || isBelow(directory, tree.directory)))
    .map((directory) => ({ directory, place: config === undefined ? null : relative(config.root, directory) }));
  return named([...known, ...more]).map((tree) => ({ ...tree, directory: present(tree.directory) }));
}

function present(directory: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return realPlace(directory);
  throw new HoldfastError("E_MISSING", `${directory} is not a directory`, {
    hint: "nothing was written; correct the config or --storage, or mount its disk",
  });
}

const relative = (root: string, directory: string): string | null => {
  const place = placeOf(root, directory);
  return place === directory || place === "" ? null : place;
};

export const isBelow = (one: string, other: string): boolean => one.startsWith(other === "/" ? "/" : `${other}/`);

/** Chooses a name for each tree, as simple as possible, from its path. */
function named(
  trees: readonly { readonly directory: string; readonly place: string | null; name?: string }[],
): StorageTree[] {
  const taken = new Set<string>();
  return trees.map(({ directory, place }) => {
    const plain = (place ?? path.basename(directory))
      .replaceAll(/[^\w.-]+/g, "-")
      .slice(-60)
      .replace(/^[.-]+/, "");
    const base = TREE_NAME.test(plain) ? plain : "storage";
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base}.${number}`;
    taken.add(name);
    return { name, directory, place };
  });
}
