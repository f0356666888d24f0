/** The documents of an export. docs/portable.md says them byte for byte. */
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

/** A value of a key. One with `parts` is the way to a row of a tree, a row's parts at each level. */
const leafSchema = z.object({
  path: z.string(),
  column: columnSchema,
  get parts() {
    return z.array(leafSchema).optional();
  },
});
const leavesSchema = z.array(leafSchema);
export type ExportedLeaf = z.infer<typeof leafSchema>;

/** What stands at one place of a row: a value, or the key of a row of `table`, as `leaves`. */
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
    /** The column that tells which of `tables`. */
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
/** `from` is the first value, `to` the first that is too much. */
export type RowCondition = z.infer<typeof conditionSchema>;

/** Also the first line of each file of rows. */
export const tableSchema = z.object({
  table: z.string(),
  /** Fields that count in no digest: numbers of rows that have another key, and what was put in a value's place. */
  uncounted: z.array(z.string()).optional(),
  key: z.object({ kind: z.enum(["natural", "reference", "none"]), columns: z.array(z.string()), reason: z.string() }),
  /** By the config; absent where there are none. */
  columns_left_out: z.array(z.string()).optional(),
  /** These hold something else than they did. */
  columns_replaced: z.array(z.string()).optional(),
  /** Columns that hold no key of a row by the config, whatever their names say. */
  not_foreign_keys: z.array(z.string()).optional(),
  /** The database computes these: their values do not travel. Absent where there are none. */
  columns_computed: z.array(z.string()).optional(),
  /** Only rows that meet these travel, and those that belong to them. */
  where: z.array(conditionSchema).optional(),
  fields: z.array(fieldSchema),
});
export type ExportedTable = z.infer<typeof tableSchema>;

/** The last one. */
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

/** The description that another program's export gives of itself; null where it gives none. */
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
    engine: z.enum(["postgresql", "mysql", "mariadb", "sqlite"]),
    server_version: z.string(),
    /** The installation that it was made of, where that is known. */
    instance: z.string().optional(),
  }),
  software_versions: z.record(z.string(), z.string()),
  /** The export of another program that this one was made from. */
  origin: originSchema.optional(),
  /** Of the framework's own migration table. */
  schema_versions: z.object({ tool: z.string(), applied: z.array(z.string()) }).nullable(),
  data_counts: z.record(z.string(), z.number().int()),
  /** Parents first. */
  tables: z.array(
    z.object({
      table: z.string(),
      rows: z.number().int(),
      /** Of its rows as a multiset, the same for the same data in any engine. */
      digest: sha256Schema,
      files: z.array(fileSchema),
    }),
  ),
  /** Absent where there are none. */
  blobs: z.array(blobSchema).optional(),
  left_out: z.array(z.object({ table: z.string(), why: z.string() })),
  /** The set of the config that was asked for. */
  set: z.string().optional(),
  /** By table, as in schema.json. */
  columns_left_out: z.record(z.string(), z.array(z.string())).optional(),
  columns_replaced: z.record(z.string(), z.array(z.string())).optional(),
  columns_computed: z.record(z.string(), z.array(z.string())).optional(),
  warnings: z.array(z.string()),
  /** What an import of it is made in spite of: of what another program wrote. */
  import_warnings: z.array(z.string()).optional(),
  schema_sha256: sha256Schema,
  /** Of settings.json, where the settings were recorded. */
  settings_sha256: sha256Schema.optional(),
  /** Over everything above that says what the data are: see `checksumOf`. */
  checksum: sha256Schema,
});
export type ExportManifest = z.infer<typeof exportManifestSchema>;
