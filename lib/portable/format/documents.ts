/** The documents of an export. docs/portable.md specifies them byte for byte. */
import { ENGINE_NAMES } from "../../database/snapshot.ts";
import * as z from "zod";

export const EXPORT_FORMAT = "holdfast-portable";
export const EXPORT_VERSION = "1.0.0";
export const MANIFEST = "manifest.json";
export const SCHEMA = "schema.json";

const kindSchema = z.enum([
  "integer",
  "decimal",
  "float4",
  "float8",
  "boolean",
  "bits",
  "text",
  "enum",
  "set",
  "uuid",
  "bytes",
  "json",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "interval",
  "array",
  "native",
]);

const columnSchema = z.object({
  name: z.string(),
  kind: kindSchema,
  native: z.string(),
  nullable: z.boolean(),
});

/** A value of a key. One with `parts` is the path to a row of a tree, made of these parts for each level. */
const leafSchema = z.object({
  path: z.string(),
  column: columnSchema,
  get parts() {
    return z.array(leafSchema).optional();
  },
});
const leavesSchema = z.array(leafSchema);
export type ExportedLeaf = z.infer<typeof leafSchema>;

/** A field of a row: a value, or the key of a row of `table`, as `leaves`. */
const fieldSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("value"), column: columnSchema }),
  z.object({
    kind: z.literal("link"),
    name: z.string(),
    columns: z.array(z.string()),
    table: z.string(),
    target_columns: z.array(z.string()),
    leaves: leavesSchema,
  }),
  z.object({
    kind: z.literal("generic"),
    name: z.string(),
    column: columnSchema,
    /** The column that names one of `tables`. */
    type: z.string(),
    tables: z.array(z.object({ type: z.string(), table: z.string(), leaves: leavesSchema })),
  }),
]);
export type ExportedField = z.infer<typeof fieldSchema>;

const bound = z.union([z.string(), z.number(), z.boolean()]);
const conditionSchema = z.object({
  column: z.string(),
  from: bound.optional(),
  to: bound.optional(),
  in: z.array(bound).optional(),
});
/** A range of values: `from` is inclusive, `to` exclusive. */
export type RowCondition = z.infer<typeof conditionSchema>;

/** The header of a table, which is also the first line of each of its files. */
export const tableSchema = z.object({
  table: z.string(),
  /** Fields excluded from digests: generated ids of rows that have another key, and replaced values. */
  uncounted: z.array(z.string()).optional(),
  key: z.object({ kind: z.enum(["natural", "reference", "none"]), columns: z.array(z.string()), reason: z.string() }),
  /** Columns that the config omits; absent without any. */
  columns_left_out: z.array(z.string()).optional(),
  /** Columns with replaced values. */
  columns_replaced: z.array(z.string()).optional(),
  /** Columns that the config declares not to be references, regardless of their names. */
  not_foreign_keys: z.array(z.string()).optional(),
  /** Columns that the database computes, and that are not exported. Absent without any. */
  columns_computed: z.array(z.string()).optional(),
  /** The conditions for exported rows; rows that belong to those are exported with them. */
  where: z.array(conditionSchema).optional(),
  fields: z.array(fieldSchema),
});
export type ExportedTable = z.infer<typeof tableSchema>;

/** The last line of each file of rows. */
export const trailerSchema = z.object({ rows: z.number().int(), sha256: z.string() });

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const fileSchema = z.object({
  path: z.string().regex(/^data\/[^\0]+\.ndjson\.gz$/),
  rows: z.number().int(),
  size_bytes: z.number().int(),
  sha256: sha256Schema,
});
export type ExportedFile = z.infer<typeof fileSchema>;

const blobSchema = z.object({ sha256: sha256Schema, size_bytes: z.number().int() });
/** A large value, in `blobs/<sha256>`. */
export type ExportedBlob = z.infer<typeof blobSchema>;

/** The self-description of another program's export; a missing value is null. */
const originSchema = z.object({
  path: z.string(),
  format: z.string(),
  version: z.string().nullable(),
  created_at: z.string().nullable(),
  database: z.string().nullable(),
});
export type ExportOrigin = z.infer<typeof originSchema>;

export const exportManifestSchema = z.looseObject({
  export_format: z.literal(EXPORT_FORMAT),
  export_version: z.string(),
  created_at: z.string(),
  source: z.object({
    name: z.string().nullable(),
    url: z.string().nullable(),
    engine: z.enum(ENGINE_NAMES),
    server_version: z.string(),
    /** The installation that the export was made from, if known. */
    instance: z.string().optional(),
  }),
  software_versions: z.record(z.string(), z.string()),
  /** The export of another program that this one was made from. */
  origin: originSchema.optional(),
  /** The migrations in the framework's own table. */
  schema_versions: z.object({ tool: z.string(), applied: z.array(z.string()) }).nullable(),
  data_counts: z.record(z.string(), z.number().int()),
  /** Parents first. */
  tables: z.array(
    z.object({
      table: z.string(),
      rows: z.number().int(),
      /** The digest of the rows as a multiset; equal data have the same digest in every engine. */
      digest: sha256Schema,
      files: z.array(fileSchema),
    }),
  ),
  /** Large values; absent without any. */
  blobs: z.array(blobSchema).optional(),
  left_out: z.array(z.object({ table: z.string(), why: z.string() })),
  /** The set of the config that was exported. */
  set: z.string().optional(),
  /** Omitted columns by table, as in schema.json. */
  columns_left_out: z.record(z.string(), z.array(z.string())).optional(),
  columns_replaced: z.record(z.string(), z.array(z.string())).optional(),
  columns_computed: z.record(z.string(), z.array(z.string())).optional(),
  warnings: z.array(z.string()),
  /** Problems in another program's data that an import must accept explicitly. */
  import_warnings: z.array(z.string()).optional(),
  schema_sha256: sha256Schema,
  /** The digest of settings.json, if settings were recorded. */
  settings_sha256: sha256Schema.optional(),
  /** The checksum over everything above that describes the data: see `checksumOf`. */
  checksum: sha256Schema,
});
export type ExportManifest = z.infer<typeof exportManifestSchema>;
