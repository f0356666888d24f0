/**
 * The readable part of documents that name files, projects or people, where names are sealed. The whole documents go
 * into one sealed archive of the run, and stay in a directory of this host for the next run to compare with.
 */
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ProjectList } from "../../model/run.ts";
import { metadataSchema, type UnitMetadata } from "../../model/unit.ts";
import { tryReadDocument } from "../files/json-documents.ts";
import type { Places } from "./places.ts";

/** The archive of the whole documents, in the run: its name without that of the seal. */
export const NAMES_FILE = "sealed";

// The fields of a unit's metadata that name neither a file nor a person. A field that is not listed is sealed.
const OF_UNITS = ["format_version", "step", "unit", "unit_b64", "built_in", "created_at", "duration_ms", "app"];
const OF_FILES = ["artifacts", "size_bytes", "sha256", "sealed_to", "input", "companions", "xattrs"];
const OF_SHARDS = ["layers", "highest_part", "live", "files_list", "list_sha256"];
const OF_DUMPS = ["snapshot_at", "encoding", "search_path", "references", "databases"];
const OF_DATABASES = ["database", "engine", "server_version", "database_size", "tables", "migrations", "extensions"];
const OF_EXPORTS = ["export_version", "data_counts", "digests", "checksum"];
const READABLE = new Set([OF_UNITS, OF_FILES, OF_SHARDS, OF_DUMPS, OF_DATABASES, OF_EXPORTS].flat());

/** Returns the metadata without names: counts, sizes and digests, of a project its id. */
export function readableMetadata(metadata: UnitMetadata): UnitMetadata {
  const { project } = metadata;
  const fields = Object.entries(metadata).filter(([field]) => READABLE.has(field));
  return metadataSchema.parse({
    ...Object.fromEntries(fields),
    ...(project === undefined ? {} : { project: { id: project.id } }),
    warnings: [],
    has_sealed_names: true,
  });
}

/** Returns the list of projects with their ids alone. */
export const readableProjects = (list: ProjectList): ProjectList => ({
  ...list,
  projects: list.projects.map(({ id }) => ({ id })),
});

/** Returns the document of paths without any, and without the names of users. */
export const readablePlaces = (places: Places): Places => ({
  ...places,
  places: [],
  owners: { users: {}, groups: {} },
});

/**
 * Returns the whole metadata of a unit: `readable` themselves, or where their names are sealed those that the directory
 * `named` has of them, at the path `file`; undefined where it has none, or others.
 */
export function wholeMetadata(
  readable: UnitMetadata,
  named: string | undefined,
  file: string,
): UnitMetadata | undefined {
  if (!hasSealedNames(readable)) return readable;
  const whole = named === undefined ? undefined : tryReadDocument(path.join(named, file), metadataSchema);
  return whole !== undefined && isDeepStrictEqual(readableMetadata(whole), readable) ? whole : undefined;
}

/** Checks whether metadata are the readable part of others. */
export const hasSealedNames = (metadata: UnitMetadata): boolean => metadata["has_sealed_names"] === true;

/** Lists the files of names that a unit has where names are sealed, relative to the run. */
export function namedFiles(metadata: UnitMetadata): string[] {
  const { files_list, references } = metadata;
  const lists: unknown[] = Array.isArray(references) ? references.map((one: unknown) => listIn(one)) : [];
  return [files_list, ...lists].filter((file) => typeof file === "string");
}

const listIn = (reference: unknown): unknown =>
  typeof reference === "object" && reference !== null && "list" in reference ? reference.list : null;
