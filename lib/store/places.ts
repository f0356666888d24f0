/**
 * `places.json`: what no archive holds of where its content belongs. Attributes of the directories that trees are unpacked into, and of
 * those that lead to them, and of SQLite files; and the names of the host's users and groups, since a zip knows their numbers only.
 */
import { statSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { systemOwnerNames } from "../archive/owners.ts";
import { FORMAT_VERSION, STEP_NAMES, type UnitMetadata } from "../model/unit.ts";
import { readDocument, writeDocument } from "./documents.ts";
import { readStepMetadata } from "./step-index.ts";

export const PLACES_FILE = "places.json";

/** A tree of a unit: where it belongs on the site, and where it is in the archive. */
export const placeSchema = z.object({
  /** Relative to the site's root; absolute where it lay outside. */
  path: z.string(),
  path_b64: z.string().optional(),
  prefix: z.string(),
  /** The name of the archive, where the unit has several. */
  artifact: z.string().optional(),
  /** Only the loose files of the tree's top level belong to the unit. */
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
});
export type PlaceAttributes = z.infer<typeof attributesSchema>;

const placesSchema = z.object({
  format_version: z.string(),
  /** Where the site was. */
  root: z.string(),
  places: z.array(attributesSchema),
  owners: z.object({ users: z.record(z.string(), z.string()), groups: z.record(z.string(), z.string()) }),
});
export type Places = z.infer<typeof placesSchema>;

/** The trees of a unit. */
export const placesOf = (metadata: UnitMetadata): Place[] =>
  z.array(placeSchema).safeParse(metadata["trees"]).data ?? [];

/** The bytes of a place's path, or of one of its attributes. */
export const placeBytes = (place: Pick<Place, "path" | "path_b64">): Buffer =>
  place.path_b64 === undefined ? Buffer.from(place.path) : Buffer.from(place.path_b64, "base64");

export const isOutside = (place: Pick<Place, "path">): boolean => place.path.startsWith("/");

/** Looks at the site once more, for the places of all units in the run's directory, parents before what is in them. */
export function lookAtPlaces(directory: string, root: string): Places {
  const found = new Map<string, Pick<Place, "path" | "path_b64">>();
  for (const step of STEP_NAMES) {
    for (const metadata of readStepMetadata(directory, step))
      for (const place of placesOf(metadata))
        for (const one of withParents(place)) found.set(placeBytes(one).toString("latin1"), one);
  }
  const places = [...found.entries()]
    .toSorted(([a], [b]) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1))
    .flatMap(([, place]) => {
      const stats = statSync(onSite(root, place), { throwIfNoEntry: false });
      if (stats === undefined) return [];
      const { path: text, path_b64 } = place;
      const { mode, uid, gid, mtimeMs } = stats;
      const fields = { mode: (mode & 0o7777).toString(8), uid, gid, mtime: Math.floor(mtimeMs / 1000) };
      return [{ path: text, ...(path_b64 === undefined ? {} : { path_b64 }), ...fields }];
    });
  return { format_version: FORMAT_VERSION, root, places, owners: systemOwnerNames() };
}

export function writePlaces(directory: string, places: Places): void {
  writeDocument(path.join(directory, PLACES_FILE), places);
}

/** Throws `E_VERIFY` when it is missing or not what it should be. */
export const readPlaces = (run: string): Places => readDocument(path.join(run, PLACES_FILE), placesSchema);

/** A place and the directories between it and the root, the root (an empty path) too; outside of the root those are the host's own. */
function withParents(place: Place): Pick<Place, "path" | "path_b64">[] {
  const { path: text, path_b64 } = place;
  const own = { path: text, ...(path_b64 === undefined ? {} : { path_b64 }) };
  if (isOutside(place)) return [own];
  const names = placeBytes(place).toString("latin1").split("/").slice(0, -1);
  const parents = ["", ...names.map((_name, index) => names.slice(0, index + 1).join("/"))];
  const encode = (bytes: string) => ({
    path: Buffer.from(bytes, "latin1").toString("utf8"),
    ...(path_b64 === undefined ? {} : { path_b64: Buffer.from(bytes, "latin1").toString("base64") }),
  });
  return [own, ...parents.map(encode)];
}

const onSite = (root: string, place: Pick<Place, "path" | "path_b64">): Buffer =>
  isOutside(place) ? placeBytes(place) : Buffer.concat([Buffer.from(`${root}/`), placeBytes(place)]);
