/** The paths that a config takes, and by which key. Every path of a site belongs to one unit alone. */
import { realpathSync } from "node:fs";
import path from "node:path";
import type { StepName } from "../model/unit.ts";
import type { SiteSettings } from "./schema.ts";
import type { TreeSettings } from "./settings/trees.ts";
import { sqliteFile } from "./sqlite-url.ts";

/** A path that a key of the config takes for a step. */
export interface Claim {
  /** The key, such as `snapshots.media[0]`. */
  readonly key: string;
  readonly step: StepName;
  /** Absolute and normalised; may hold `{fields}` of a project's row, or be a glob where `isGlob` is set. */
  readonly path: string;
  readonly isGlob?: true;
  /** Files beside a database that belong to it are taken as well. */
  readonly isDatabase?: true;
}

type Site = Omit<SiteSettings, "root"> & { readonly root: string };

/** The keys of `infra` whose files are captured; of certificates only the names are. */
const INFRA_KEYS = ["env", "settings", "nginx", "apache", "php", "cron", "files", "systemd", "crontabs"] as const;

/** Lists the claims of a config whose root is absolute, in the order of its steps. */
export function claimsOf(config: Site): Claim[] {
  const { projects, legacy, audio_cache, snapshots, trees, infra, database } = config;
  const claims: Claim[] = [];
  const add = (step: StepName, key: string, file: string, kind: Pick<Claim, "isGlob" | "isDatabase"> = {}): void => {
    claims.push({ step, key, path: path.resolve(config.root, file), ...kind });
  };
  for (const [index, { url }] of (database ?? []).entries()) {
    const file = sqliteFile(url);
    if (file !== undefined) add("db", keyOf("database", index, database), file, { isDatabase: true });
  }
  const source = projects?.source;
  if (source !== undefined && "path" in source) add("source_exports", "projects.source.path", source.path);
  for (const [type, { path: template }] of Object.entries(projects?.compiled?.text_types ?? {}))
    add("compiled_exports", `projects.compiled.text_types.${type}.path`, template);
  if (legacy !== undefined) add("legacy_zips", "legacy.path", legacy.path);
  if (audio_cache !== undefined) add("audio_cache", "audio_cache.path", audio_cache.path);
  for (const [index, file] of (audio_cache?.databases ?? []).entries())
    add("audio_cache", `audio_cache.databases[${index}]`, file, { isDatabase: true });
  for (const [index, tree] of (snapshots?.media ?? []).entries()) add("snapshots", `snapshots.media[${index}]`, tree);
  for (const [index, tree] of trees.entries()) add("trees", `trees[${index}]`, tree.path);
  for (const key of INFRA_KEYS)
    for (const [index, entry] of (infra?.[key] ?? []).entries())
      if (key !== "crontabs" || !isUser(entry))
        add("infra", `infra.${key}[${index}]`, entry, /[*?[{]/.test(entry) ? { isGlob: true } : {});
  return claims;
}

/** Returns whether an entry of `infra.crontabs` names a user rather than a file. */
export const isUser = (entry: string): boolean => /^\w[\w.-]*\$?$/.test(entry);

/** The name of a tree's unit. */
export const treeName = (config: Pick<SiteSettings, "site">, { name, path: place }: TreeSettings): string =>
  name ??
  (place
    .replace(/^\.?\/+|\/+$/g, "")
    .replaceAll(/[^\w.-]+/g, "_")
    .replace(/^[.-]+/, "") ||
    config.site);

/** A fault of what a config takes. */
interface ClaimFault {
  readonly key: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Finds keys that take the same path, trees of one name, and a store inside a tree: a restore in place would rename it.
 * Paths that symlinks make the same fail one unit or step alone: see `sharedWith`.
 */
export function claimFaults(config: Site, store: string | undefined): ClaimFault[] {
  const claims = claimsOf(config);
  return [
    ...pathsTakenTwice(claims),
    ...sharedDirectories(claims),
    ...namesTakenTwice(config),
    ...(store === undefined ? [] : storeInside(claims, store)),
  ];
}

function pathsTakenTwice(claims: readonly Claim[]): ClaimFault[] {
  const taken = new Map<string, Claim>();
  return claims.flatMap((claim) => {
    const other = taken.get(pattern(claim.path));
    taken.set(pattern(claim.path), other ?? claim);
    if (other === undefined) return [];
    const message = `${other.key} and ${claim.key} both take ${claim.path}`;
    return [{ key: claim.key, message, hint: "leave it to one of them: every path belongs to one unit" }];
  });
}

function namesTakenTwice(config: Site): ClaimFault[] {
  const names = new Map<string, number>();
  return config.trees.flatMap((tree, index) => {
    const name = treeName(config, tree);
    const other = names.get(name.toLowerCase());
    names.set(name.toLowerCase(), other ?? index);
    if (other === undefined) return [];
    const message = `trees[${other}] and trees[${index}] are both called ${name}`;
    return [{ key: `trees[${index}]`, message, hint: "give one of them a name of its own" }];
  });
}

/** Lists the claims that links make the same path as another's. The claim without a link keeps it, else the first. */
function sharedClaims(claims: readonly Claim[]): Shared[] {
  const real = new Map(claims.map((claim) => [claim, pattern(realPath(claim.path))]));
  const isLinked = (claim: Claim): boolean => real.get(claim) !== pattern(claim.path);
  const owners = new Map<string, Claim>();
  return [...claims.filter((claim) => !isLinked(claim)), ...claims.filter(isLinked)].flatMap((claim) => {
    const place = real.get(claim) ?? "";
    const other = owners.get(place);
    if (other !== undefined) return [{ claim, other }];
    owners.set(place, claim);
    return [];
  });
}

/** The steps whose units are configured trees: a unit fails alone if a symlink makes its tree the same as another. */
const TREE_STEPS: ReadonlySet<StepName> = new Set(["trees", "snapshots", "legacy_zips", "audio_cache"]);
const isTree = ({ step, path: place, isDatabase }: Claim): boolean =>
  TREE_STEPS.has(step) && isDatabase !== true && !place.includes("{");

/** A claim, and the one that has the path to which symlinks on the site redirect it. */
interface Shared {
  readonly claim: Claim;
  readonly other: Claim;
}

/** Returns who has the path to which symlinks redirect a tree; undefined if none do. */
export const sharedWith = (config: Site, place: string): Shared | undefined =>
  sharedClaims(claimsOf(config)).find(({ claim }) => isTree(claim) && claim.path === place);

/** Returns a claim of the step, other than a tree, that symlinks redirect to a path of another claim. */
export const sharedInStep = (config: Site, step: StepName): Shared | undefined =>
  sharedClaims(claimsOf(config)).find(({ claim }) => claim.step === step && !isTree(claim));

/** Legacy trees and projects cannot lie side by side: each directory would be both. */
function sharedDirectories(claims: readonly Claim[]): ClaimFault[] {
  const legacy = claims.find(({ step }) => step === "legacy_zips");
  if (legacy === undefined) return [];
  const template = claims.find((claim) => claim.path.includes("{") && baseOf(claim.path) === legacy.path);
  if (template === undefined) return [];
  const message = `${legacy.key} and ${template.key} both take the directories in ${legacy.path}`;
  return [{ key: template.key, message, hint: "leave them to one of the two: every path belongs to one unit" }];
}

/** The part of a path before its first name with a field: all of a path without one. */
export const baseOf = (template: string): string =>
  template.includes("{") ? path.dirname(`${template.slice(0, template.indexOf("{"))}x`) : template;

function storeInside(claims: readonly Claim[], store: string): ClaimFault[] {
  const real = realPath(path.resolve(store));
  const outer = claims.find(
    ({ path: tree, isGlob, step }) =>
      step !== "infra" && isGlob !== true && !tree.includes("{") && isWithin(real, realPath(tree)),
  );
  if (outer === undefined) return [];
  const message = `the store (dest) ${store} lies inside ${outer.path}, which ${outer.key} takes`;
  const hint = "move the store out of the site: a restore in place would move it aside";
  return [{ key: "dest", message, hint }];
}

/** A directory or file that belongs to a site or is its store, by its real path, and the key that names it. */
interface SitePlace {
  readonly key: string;
  readonly place: string;
}

/** Lists the store, the site's directories and all that keys of the config take. A root of `/` is left out. */
export function placesOfSite(config: Site, store: string | undefined): SitePlace[] {
  const { root } = config;
  const claims = claimsOf(config).filter(({ path: file, isGlob }) => isGlob !== true && !file.includes("{"));
  return [
    ...(store === undefined ? [] : [{ key: "dest", place: store }]),
    ...(root === "/" ? [] : [{ key: "root", place: root }]),
    ...config.roots.map((place, index) => ({ key: `roots[${index}]`, place: path.resolve(root, place) })),
    ...claims.map(({ key, path: place }) => ({ key, place })),
  ].map(({ key, place }) => ({ key, place: realPath(place) }));
}

/**
 * Finds a key or an `allowed_signers` that lies in the store, in the site or in what a key of the config takes: whoever
 * writes there could decide which signatures count, and a run would hold the key.
 */
export function signingFaults(config: Site, store: string | undefined): ClaimFault[] {
  const { signing } = config;
  if (signing === undefined) return [];
  const places = placesOfSite(config, store);
  return (["key", "allowed_signers"] as const).flatMap((name) => {
    const file = realPath(signing[name]);
    const outer = places.find(({ place }) => isWithin(file, place));
    if (outer === undefined) return [];
    const message = `signing.${name} ${signing[name]} lies inside ${outer.place} (${outer.key})`;
    return [
      { key: `signing.${name}`, message, hint: "keep it outside of the site and of the store, e.g. in /etc/holdfast" },
    ];
  });
}

/** Returns whether a path is a directory or below it. */
export const isWithin = (file: string, directory: string): boolean =>
  file === directory || file.startsWith(directory.endsWith("/") ? directory : `${directory}/`);

/** Two templates that differ only in the names of their fields take the same paths. */
const pattern = (file: string): string => file.replaceAll(/\{\w+\}/g, "{}");

/** Returns the path with its links followed, as far as it exists. */
export function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(realPath(parent), path.basename(file));
  }
}

const keyOf = (key: string, index: number, all: readonly unknown[] | undefined): string =>
  all !== undefined && all.length > 1 ? `${key}[${index}].url` : `${key}.url`;
