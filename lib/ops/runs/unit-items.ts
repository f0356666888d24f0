/**
 * Sorts the content of selected units by destination: trees out of archives, files that are copied, dumps that are
 * loaded.
 */
import path from "node:path";
import * as z from "zod";
import { MOST_LIST } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import type { BytePath } from "../../archive/entry.ts";
import { readEntryList } from "../../archive/entry-list.ts";
import type { ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { fromString } from "../../archive/path.ts";
import { readZipDirectory } from "../../archive/zip/directory.ts";
import { databaseEngine } from "../../database/engines/registry.ts";
import { databaseRecordSchema, type DatabaseRecord } from "../../database/record.ts";
import { HoldfastError } from "../../errors.ts";
import type { Artifact, UnitMetadata } from "../../model/unit.ts";
import { DEAD_LIST, DIRECTORY_TIMES, groupLayers } from "../../store/run/layers.ts";
import { placesOf, prefixBytes, type Place } from "../../store/run/places.ts";
import { sidecarIn } from "../../store/run/step-index.ts";
import { unitOrder } from "../../store/run/unit-name.ts";
import { ownName } from "./borrowed-units.ts";
import { named } from "../../model/named.ts";

/** An archive, and the destinations of its trees. */
export interface ArchivePart {
  /** Relative to the run. */
  readonly artifact: string;
  readonly format: "zip" | "tgz";
  readonly targets: readonly { readonly prefix: BytePath; readonly place: Place }[];
  readonly reserved?: { readonly multimedia: BytePath; readonly original: BytePath };
  readonly only?: readonly BytePath[];
  readonly skip?: readonly BytePath[];
  /** The file of extended attributes beside a zip, relative to the run. */
  readonly sidecar?: string;
  /** True if entries have extended attributes. */
  readonly xattrs: boolean;
  /** The recorded digest of its content, if there is one for this archive alone. */
  readonly contentDigest: string | null;
  readonly entries: number | undefined;
}

/** The trees of one unit, or of all shards of the audio cache. */
export interface TreeItem {
  readonly label: string;
  readonly parts: readonly ArchivePart[];
  /** Size of the input: the approximate space needed on disk. */
  readonly bytes: number;
  /** Times of directories when all layers are unpacked: `@seconds` and a path below `place`, each ended by a NUL. */
  readonly directoryTimes?: { readonly list: string; readonly place: Place };
  /** The rules of the config that excluded paths from the tree. */
  readonly rules?: ExcludeRules;
}

/** A file that is an artifact by itself: a database of the audio cache. */
export interface FileItem {
  readonly label: string;
  readonly artifact: string;
  readonly place: Place;
  readonly bytes: number;
}

export interface DatabaseItem {
  readonly unit: string;
  readonly artifact: string;
  readonly record: DatabaseRecord;
  /** The original path of an SQLite file. */
  readonly place: Place | undefined;
}

export interface InfraItem {
  readonly artifact: string;
  /** The host's files that it was made of, as recorded paths. */
  readonly sources: readonly string[];
}

export interface RestoreItems {
  readonly trees: readonly TreeItem[];
  readonly files: readonly FileItem[];
  readonly databases: readonly DatabaseItem[];
  readonly infra: readonly InfraItem[];
  /** Files of the run without a path on the site: exports by the site's own commands. */
  readonly loose: readonly { readonly label: string; readonly artifact: string }[];
}

/** The part of a compiled unit's bundles that a restore needs. */
export const bundlesSchema = named(z.object({ reserved: z.object({ multimedia: z.string(), original: z.string() }) }));

/** Sorts the units of the run in `directory` into items. */
export function itemsOf(directory: string, units: readonly UnitMetadata[]): RestoreItems {
  const { single, layered } = groupLayers(units);
  const trees: TreeItem[] = [];
  const loose: { label: string; artifact: string }[] = [];
  for (const unit of single.filter((one) => !["db", "infra"].includes(one.step))) {
    if (unit.unit === ORM_DB && unit.step === "audio_cache") continue;
    const tree = treeOf(unit);
    if (tree === undefined)
      loose.push(...unit.artifacts.map(({ path: artifact }) => ({ label: labelOf(unit), artifact })));
    else trees.push(tree);
  }
  for (const [layers, shards] of layered) trees.push(layeredTree(directory, layers, shards));
  return {
    trees,
    files: units.filter((unit) => unit.step === "audio_cache" && unit.unit === ORM_DB).flatMap(copiesOf),
    databases: units.filter((unit) => unit.step === "db").map(databaseOf),
    infra: units.filter((unit) => unit.step === "infra").flatMap(infraOf),
    loose,
  };
}

export const ORM_DB = "orm_db";
export const labelOf = (unit: UnitMetadata): string => `${unit.step}/${unit.unit}`;

function treeOf(unit: UnitMetadata): TreeItem | undefined {
  const places = placesOf(unit);
  if (places.length === 0) return undefined;
  const bundles = bundlesSchema.safeParse(unit["bundles"]).data ?? {};
  const parts = unit.artifacts.map((artifact): ArchivePart => {
    const name = path.posix.basename(artifact.path);
    const reserved = bundles[name.replace(/\.zip$/, "")]?.reserved;
    const sidecar = sidecarIn(unit, artifact);
    const own = places.filter((place) => place.artifact === undefined || place.artifact === name);
    return {
      ...partOf(unit, artifact, own, unit.artifacts.length === 1 ? unit.input.content_digest : null),
      ...(sidecar === undefined ? {} : { sidecar }),
      ...(reserved === undefined
        ? {}
        : { reserved: { multimedia: fromString(reserved.multimedia), original: fromString(reserved.original) } }),
    };
  });
  return { label: labelOf(unit), parts, bytes: unit.input.bytes, ...rulesIn(unit) };
}

const partOf = (
  unit: UnitMetadata,
  artifact: Artifact,
  places: readonly Place[],
  contentDigest: string | null,
): ArchivePart => ({
  artifact: artifact.path,
  format: artifact.media_type === "application/zip" ? "zip" : "tgz",
  targets: places.map((place) => ({ prefix: prefixBytes(place).toString("latin1"), place })),
  xattrs: unit["xattrs"] !== undefined,
  contentDigest,
  entries: artifact.entries,
});

const rulesSchema = z.object({
  patterns: z.array(z.string()),
  caches: z.boolean(),
  markers: z.array(z.string()),
}) satisfies z.ZodType<ExcludeRules>;

/** Returns the recorded rules of the config that excluded paths from a tree. */
export function rulesIn(unit: Readonly<Record<string, unknown>> | undefined): { readonly rules?: ExcludeRules } {
  const rules = rulesSchema.safeParse(unit?.["exclude"]).data;
  return rules === undefined ? {} : { rules };
}

const listSchema = z.looseObject({ files_list: z.string() });

/**
 * Merges all layers: for each path the highest shard that lists it wins, and paths that the site had deleted are left
 * out.
 */
function layeredTree(directory: string, layers: string, shards: readonly UnitMetadata[]): TreeItem {
  const [place] = placesOf(shards[0] ?? missing());
  if (place === undefined) throw new HoldfastError("E_VERIFY", `the shards in ${layers} do not record their path`);
  const sorted = shards.toSorted((a, b) => unitOrder(a.unit, b.unit));
  // The archives are those of the shards' own run.
  const archives = path.join(directory, path.posix.dirname(shards[0]?.artifacts[0]?.path ?? missing()));
  const deleted = readNames(path.join(archives, DEAD_LIST));
  const home = new Map<BytePath, number>();
  // A single shard holds every file once.
  const layered = sorted.length > 1 || deleted.length > 0;
  if (layered)
    for (const [index, shard] of sorted.entries())
      for (const { path: entry } of listOf(directory, shard)) home.set(entry, index);
  for (const dead of deleted) home.delete(dead.replace(/^\.\//, ""));
  const parts = sorted.map((shard, index): ArchivePart => {
    const [artifact] = shard.artifacts;
    const skip: BytePath[] = [];
    if (layered)
      for (const { path: entry } of listOf(directory, shard)) if (home.get(entry) !== index) skip.push(entry);
    return { ...partOf(shard, artifact ?? missing(), [place], shard.input.content_digest), skip };
  });
  return {
    label: layers,
    parts,
    bytes: shards.reduce((sum, shard) => sum + shard.input.bytes, 0),
    directoryTimes: { list: path.join(archives, DIRECTORY_TIMES), place },
    ...rulesIn(shards[0]),
  };
}

const listOf = (directory: string, shard: UnitMetadata) => {
  const { files_list } = listSchema.parse(shard);
  const beside = shard.artifacts[0]?.path ?? missing();
  return readEntryList(path.join(directory, path.posix.dirname(beside), path.posix.basename(files_list)));
};

/** Reads a file of names, each ended by a NUL; empty if the file is missing. */
export function readNames(file: string): BytePath[] {
  try {
    return readRegular(file, MOST_LIST, "E_VERIFY").toString("latin1").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

const copiesOf = (unit: UnitMetadata): FileItem[] =>
  placesOf(unit).flatMap((place) => {
    const artifact = unit.artifacts.find((one) => path.posix.basename(one.path) === place.prefix);
    return artifact === undefined
      ? []
      : [{ label: labelOf(unit), artifact: artifact.path, place, bytes: artifact.size_bytes }];
  });

function databaseOf(unit: UnitMetadata): DatabaseItem {
  const record = databaseRecordSchema.safeParse(unit);
  const [artifact] = unit.artifacts;
  if (!record.success || artifact === undefined)
    throw new HoldfastError("E_VERIFY", `the metadata of ${labelOf(unit)} do not record what was dumped`);
  return { unit: unit.unit, artifact: artifact.path, record: record.data, place: placesOf(unit)[0] };
}

const infraSchema = z.looseObject({ sources: named(z.array(z.string())) });

export function infraOf(unit: UnitMetadata): InfraItem[] {
  const sources = infraSchema.safeParse(unit).data?.sources ?? {};
  return unit.artifacts.map(({ path: artifact }) => ({
    artifact,
    sources: sources[path.posix.relative("infra", ownName(artifact))] ?? [],
  }));
}

function missing(): never {
  throw new HoldfastError("E_VERIFY", "a unit without an artifact");
}

/** Returns the name of the file that lists an archive's files beside projects. */
export const looseNames = (archive: string): BytePath[] =>
  readZipDirectory(archive)
    .map(({ name }) => name)
    .filter((name) => !name.includes("/"));

/** Checks whether a database is on a server; others are files. */
export const isOnServer = ({ record }: Pick<DatabaseItem, "record">): boolean =>
  databaseEngine(record.engine).files === undefined;
