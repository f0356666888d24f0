/**
 * Records in `places.json` what no archive holds: attributes of the directories that trees are unpacked into, of their
 * parents and of SQLite files, and the names of users and groups, since a zip has only their ids.
 */
import { statSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { isUtf8 } from "../../archive/path.ts";
import { systemOwnerNames } from "../../archive/owners.ts";
import { FORMAT_VERSION, type UnitMetadata } from "../../model/unit.ts";
import { readDocument } from "../files/json-documents.ts";
import { placeOf } from "../files/layout.ts";

export const PLACES_FILE = "places.json";

/** A tree of a unit: its path on the site, and its prefix in the archive. */
export const placeSchema = z.object({
  /** Relative to the site's root; absolute if it lay outside. */
  path: z.string(),
  path_b64: z.string().optional(),
  prefix: z.string(),
  prefix_b64: z.string().optional(),
  /** The name of the archive, if the unit has several. */
  artifact: z.string().optional(),
  /** The unit has only the loose files at the top of the tree. */
  loose: z.boolean().optional(),
});
export type Place = z.infer<typeof placeSchema>;

const attributesSchema = z.object({
  path: z.string(),
  path_b64: z.string().optional(),
  /** Octal permission bits. */
  mode: z.string().regex(/^[0-7]{1,4}$/),
  uid: z.number().int(),
  gid: z.number().int(),
  /** Whole seconds since 1970. */
  mtime: z.number().int(),
  /** A directory that units lie in and that no unit records: a restore creates it. */
  make: z.boolean().optional(),
});
export type PlaceAttributes = z.infer<typeof attributesSchema>;

export const placesSchema = z.object({
  format_version: z.string(),
  /** The root of the site. */
  root: z.string(),
  places: z.array(attributesSchema),
  owners: z.object({ users: z.record(z.string(), z.string()), groups: z.record(z.string(), z.string()) }),
});
export type Places = z.infer<typeof placesSchema>;

/** Returns the trees of a unit. */
export const placesOf = (metadata: UnitMetadata): Place[] =>
  z.array(placeSchema).safeParse(metadata["trees"]).data ?? [];

/** Returns the bytes of a path. */
export const placeBytes = (place: Pick<Place, "path" | "path_b64">): Buffer =>
  place.path_b64 === undefined ? Buffer.from(place.path) : Buffer.from(place.path_b64, "base64");

/** Returns the bytes of a tree's prefix in its archive. */
export const prefixBytes = (place: Pick<Place, "prefix" | "prefix_b64">): Buffer =>
  place.prefix_b64 === undefined ? Buffer.from(place.prefix) : Buffer.from(place.prefix_b64, "base64");

export const isOutside = (place: Pick<Place, "path">): boolean => place.path.startsWith("/");

type Named = Pick<Place, "path" | "path_b64">;

/**
 * Records the attributes of the site for the paths of a run's units, parents first. `containers` are
 * absolute paths of directories that units lie in: those of legacy trees, of projects.
 */
export function recordPlaces(units: readonly Place[], root: string, containers: readonly string[]): Places {
  const found = new Map<string, Named & { readonly make?: true }>();
  /** Directories whose attributes are in an archive. */
  const own = new Set<string>();
  const outside = new Set<string>();
  for (const place of units) {
    const bytes = placeBytes(place).toString("latin1");
    if (place.loose !== true) own.add(bytes);
    for (const one of withParents(place)) found.set(placeBytes(one).toString("latin1"), one);
    if (isOutside(place)) outside.add(bytes);
  }
  for (const inner of outside)
    for (const one of parentsWithin(inner, outside)) if (!found.has(one)) found.set(one, named(one));
  for (const container of containers) {
    const place = placeOf(root, container);
    if (own.has(place)) continue;
    for (const one of withParents({ path: place })) if (!found.has(one.path)) found.set(one.path, one);
    found.set(place, { path: place, make: true });
  }
  const places = [...found.entries()]
    .toSorted(([a], [b]) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1))
    .flatMap(([, place]) => {
      const stats = statSync(onSite(root, place), { throwIfNoEntry: false });
      if (stats === undefined) return [];
      const { path: text, path_b64, make } = place;
      const { mode, uid, gid, mtimeMs } = stats;
      const fields = { mode: (mode & 0o7777).toString(8), uid, gid, mtime: Math.floor(mtimeMs / 1000) };
      return [
        {
          path: text,
          ...(path_b64 === undefined ? {} : { path_b64 }),
          ...fields,
          ...(make === undefined ? {} : { make }),
        },
      ];
    });
  return { format_version: FORMAT_VERSION, root, places, owners: systemOwnerNames() };
}

/** Throws `E_VERIFY` if it is missing or invalid. */
export const readPlaces = (run: string): Places => readDocument(path.join(run, PLACES_FILE), placesSchema);

/** Returns a path and its parents up to the root, an empty path; outside of the root the path alone. */
function withParents(place: Named): Named[] {
  const { path: text, path_b64 } = place;
  const own = { path: text, ...(path_b64 === undefined ? {} : { path_b64 }) };
  if (isOutside(place)) return [own];
  const names = placeBytes(place).toString("latin1").split("/").slice(0, -1);
  const parents = ["", ...names.map((_name, index) => names.slice(0, index + 1).join("/"))];
  return [own, ...parents.map(named)];
}

/** Returns the parents of a path that lie in another tree outside of the root; the host's own are not recorded. */
function parentsWithin(inner: string, trees: ReadonlySet<string>): string[] {
  const parents: string[] = [];
  for (let at = path.posix.dirname(inner); at !== "/"; at = path.posix.dirname(at)) {
    if (trees.has(at)) return parents;
    parents.push(at);
  }
  return [];
}

function named(bytes: string): Named {
  const buffer = Buffer.from(bytes, "latin1");
  return {
    path: buffer.toString("utf8"),
    ...(isUtf8(bytes) ? {} : { path_b64: buffer.toString("base64") }),
  };
}

const onSite = (root: string, place: Pick<Place, "path" | "path_b64">): Buffer =>
  isOutside(place) ? placeBytes(place) : Buffer.concat([Buffer.from(`${root}/`), placeBytes(place)]);
