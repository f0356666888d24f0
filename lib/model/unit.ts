/** The documents of a unit: its metadata, its line in the step's index, or the failure instead. */
import * as z from "zod";

/** The version of every document of the run format. A newer major is refused by readers. */
export const FORMAT_VERSION = "1.0.0";

export const STEP_NAMES = [
  "source_exports",
  "compiled_exports",
  "legacy_zips",
  "audio_cache",
  "db",
  "portable",
  "snapshots",
  "trees",
  "infra",
] as const;

export const stepNameSchema = z.enum(STEP_NAMES);
export type StepName = z.infer<typeof stepNameSchema>;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

export const artifactSchema = z.object({
  /** Relative to the run, `/` separated. */
  path: z.string(),
  size_bytes: z.number().int().nonnegative(),
  sha256: sha256Schema,
  /** Members of an archive; absent where the artifact is no archive. */
  entries: z.number().int().nonnegative().optional(),
  /** Size and digest of the content, where the artifact is sealed. */
  media_type: z.string(),
  /** The content of a sealed artifact, of which `size_bytes` and `sha256` are those of the ciphertext. */
  plain: z.object({ size_bytes: z.number().int().nonnegative(), sha256: sha256Schema }).optional(),
});
export type Artifact = z.infer<typeof artifactSchema>;

export const inputSchema = z.object({
  files: z.number().int(),
  directories: z.number().int(),
  symlinks: z.number().int(),
  bytes: z.number().int(),
  newest_mtime: z.string().nullable(),
  /** Null when an input changed within two seconds of the walk: such a unit is never reused. */
  fingerprint: z.string().nullable(),
  content_digest: z.string().nullable(),
  /** Files of an archive by extension. */
  extensions: z.record(z.string(), z.number().int()).optional(),
  /** Bytes of content that deflate was tried on when the archive was built, and what it saved of them. */
  deflate: z.object({ bytes: z.number().int(), saved_bytes: z.number().int() }).optional(),
});
export type UnitInput = z.infer<typeof inputSchema>;

/** A project row: its `id` and the other fields that the query, glob or command gave. */
export const projectSchema = z.looseObject({ id: z.union([z.number(), z.string()]) });
export type Project = z.infer<typeof projectSchema>;

export const metadataSchema = z.looseObject({
  format_version: z.string(),
  step: stepNameSchema,
  unit: z.string(),
  /** The unit's true name where it is not UTF-8. */
  unit_b64: z.string().optional(),
  /** The run that built the artifacts. */
  built_in: z.string(),
  project: projectSchema.optional(),
  created_at: z.string(),
  duration_ms: z.number(),
  artifacts: z.array(artifactSchema),
  size_bytes: z.number().int(),
  sha256: sha256Schema.nullable(),
  /** The digest of the recipients of its sealed artifacts. */
  sealed_to: sha256Schema.optional(),
  input: inputSchema,
  app: z.object({ commit: z.string().nullable(), version: z.string().nullable(), dirty: z.boolean().nullable() }),
  warnings: z.array(z.string()),
});
export type UnitMetadata = z.infer<typeof metadataSchema>;

export const indexEntrySchema = z.object({
  project_id: z.union([z.number(), z.string()]).optional(),
  name: z.string().optional(),
  part: z.string().optional(),
  path: z.string(),
  size_bytes: z.number().int(),
  sha256: sha256Schema.nullable(),
  updated_at: z.string(),
});
/** `index.json` of a step. */
export const indexSchema = z.array(indexEntrySchema);
export type IndexEntry = z.infer<typeof indexEntrySchema>;

export const failureSchema = z.object({
  step: stepNameSchema,
  /** Null when the step as a whole failed. */
  unit: z.string().nullable(),
  severity: z.enum(["failed", "skipped", "accepted"]),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  last_good_run: z.string().nullable(),
  at: z.string(),
});
/** `failures.json` of a step or a run. */
export const failuresSchema = z.array(failureSchema);
export type Failure = z.infer<typeof failureSchema>;

/** Lists the names of a project: its id, and `internal_id`, `slug` and `name` if its row has them. */
export const projectNames = (project: Project): string[] => [
  String(project.id),
  ...["internal_id", "slug", "name"].flatMap((field) => {
    const value = project[field];
    return typeof value === "string" ? [value] : [];
  }),
];
