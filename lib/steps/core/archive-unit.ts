/** Units that are one archive of one or several trees: sources, legacy trees, snapshots. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { BuildResult } from "../../archive/build/request.ts";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString, isUtf8, toBuffer } from "../../archive/path.ts";
import type { ArchiveRoot } from "../../archive/build/select-entries.ts";
import type { Artifact, UnitInput } from "../../model/unit.ts";
import { sealedName } from "../../store/seal/names.ts";
import { archiveWalk } from "./archive-walk.ts";
import type { StepContext } from "./context.ts";
import type { BuildTools } from "./step.ts";
import type { TreeWalker } from "./tree-walker.ts";
import { archiveFailure, type BuiltUnit, type UnitPlace, type UnitPlan } from "./unit-plan.ts";

/** The trees of a unit and the archive they become. */
export interface ArchiveSource {
  readonly format: "zip" | "tgz";
  /** Relative to the run, without the suffix of a seal. */
  readonly artifact: string;
  readonly roots: readonly ArchiveRoot[];
  /** Includes only loose files at the top of the roots. */
  readonly onlyFiles?: boolean;
  /** Replaces the format in the recipe if the input decides the format. */
  readonly choice?: string;
}

const MEDIA_TYPES = { zip: "application/zip", tgz: "application/gzip" } as const;

/** Raised when the writers give other bytes for the same input than before. */
const RECIPE_VERSION = 1;

/** Returns the recipe of an archive: everything that changes its bytes except the input. */
const recipeOf = (context: StepContext, source: ArchiveSource): string =>
  JSON.stringify([
    source.choice ?? source.format,
    RECIPE_VERSION,
    context.config.compression_level,
    source.onlyFiles ?? false,
    source.roots.map((root) => root.prefix),
  ]);

/** The input of an archive before it is built. */
export interface PlannedArchive {
  readonly input: Omit<UnitInput, "content_digest">;
  /** Absolute paths below the roots that belong to other units, and the store. */
  readonly exclude: readonly BytePath[];
}

/** Walks the input of a unit, nothing opened. Throws the unit's failure when a part of it cannot be walked. */
export async function planArchive(
  context: StepContext,
  walker: TreeWalker,
  source: ArchiveSource,
): Promise<PlannedArchive> {
  const { claims } = context;
  const onlyFiles = source.onlyFiles ?? false;
  const inner = await Promise.all(source.roots.map((root) => claims.within(root.path, onlyFiles)));
  const exclude = [...new Set([...context.exclude, ...inner.flat()])];
  const { input, failures, links } = await walker.walk(archiveWalk, {
    roots: source.roots,
    exclude,
    onlyFiles,
    recipe: recipeOf(context, source),
  });
  if (failures.length > 0) throw archiveFailure(failures);
  await claims.noteLinks(links);
  return { input, exclude };
}

/** What building an archive needs. */
export interface ArchiveRequest {
  readonly kind: "archive";
  readonly source: ArchiveSource;
  readonly exclude: readonly BytePath[];
}

/** Returns what the plan of a unit says of its archive. */
export const archivePlan = (
  context: StepContext,
  source: ArchiveSource,
  { input, exclude }: PlannedArchive,
): Pick<UnitPlan, "trees" | "roots" | "bytes" | "fingerprint" | "request"> => ({
  trees: placesOf(context, source),
  roots: source.roots.map((root) => root.path),
  bytes: input.bytes,
  fingerprint: input.fingerprint,
  request: { kind: "archive", source, exclude } satisfies ArchiveRequest,
});

/** Returns the paths of an archive's trees on the site. */
export const placesOf = (context: StepContext, source: ArchiveSource): UnitPlace[] =>
  source.roots.map(({ path: tree, prefix }) => {
    const root = fromString(context.config.root);
    const place = tree === root ? "" : tree.startsWith(`${root}/`) ? tree.slice(root.length + 1) : tree;
    return {
      path: asText(place),
      ...(isUtf8(place) ? {} : { path_b64: toBuffer(place).toString("base64") }),
      prefix: asText(prefix),
      ...(isUtf8(prefix) ? {} : { prefix_b64: toBuffer(prefix).toString("base64") }),
      ...(source.onlyFiles === true ? { loose: true } : {}),
    };
  });

/** The text of a path; one that is not UTF-8 as people are shown it, with its bytes beside it. */
const asText = (place: BytePath): string => (isUtf8(place) ? toBuffer(place).toString("utf8") : display(place));

/** Builds the archive in a worker thread. */
export async function buildArchiveUnit(
  context: StepContext,
  { source, exclude }: Omit<ArchiveRequest, "kind">,
  { workers, xattrs, onBytes }: BuildTools,
): Promise<BuiltUnit> {
  const output = path.join(context.directory, source.artifact);
  mkdirSync(path.dirname(output), { recursive: true });
  const request = {
    format: source.format,
    output,
    level: context.config.compression_level,
    roots: [...source.roots],
    exclude: [...exclude],
    onlyFiles: source.onlyFiles ?? false,
    recipe: recipeOf(context, source),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
  const result = await workers.archive(request, onBytes);
  if (result.failures.length > 0) throw archiveFailure(result.failures);
  return {
    artifacts: [artifactOf(context, source, result)],
    input: result.input,
    warnings: result.warnings,
    extra: {
      ...(result.captured.length > 0 ? { captured_sqlite: result.captured } : {}),
      ...xattrFields(context, [result]),
    },
  };
}

/** Returns the fields of a unit whose entries have extended attributes: their number, and the files beside its zips. */
export function xattrFields(
  { directory }: Pick<StepContext, "directory">,
  results: readonly Pick<BuildResult, "xattrs" | "sidecar">[],
): { readonly xattrs?: number; readonly companions?: string[] } {
  const entries = results.reduce((sum, { xattrs }) => sum + xattrs, 0);
  const companions = results.flatMap(({ sidecar }) => (sidecar === null ? [] : path.relative(directory, sidecar)));
  return {
    ...(entries === 0 ? {} : { xattrs: entries }),
    ...(companions.length === 0 ? {} : { companions }),
  };
}

/** Returns the lists of files beside a unit as a field of its metadata; nothing where they are sealed with all names. */
export const companionLists = (
  { directory, named }: Pick<StepContext, "directory" | "named">,
  lists: readonly string[],
): { readonly companions?: readonly string[] } => (named === directory ? { companions: lists } : {});

/** Describes an archive as it is stored. */
export const artifactOf = (
  { seal }: Pick<StepContext, "seal">,
  { artifact, format }: Pick<ArchiveSource, "artifact" | "format">,
  { size_bytes, sha256, plain, entries }: Pick<BuildResult, "size_bytes" | "sha256" | "plain" | "entries">,
): Artifact => ({
  path: sealedName(artifact, seal),
  size_bytes,
  sha256,
  ...(plain === undefined ? {} : { plain }),
  entries,
  media_type: MEDIA_TYPES[format],
});
