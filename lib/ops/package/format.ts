/** The documents of a migration package. docs/portable.md defines each key. */
import { ENGINE_NAMES } from "../../database/snapshot.ts";
import * as z from "zod";
import type { BytePath } from "../../archive/entry.ts";
import { fromString, isUtf8, toBuffer } from "../../archive/path.ts";

export const PACKAGE_FORMAT = "holdfast-package";
export const PACKAGE_VERSION = "1.0.0";
export const PACKAGE_MANIFEST = "package.manifest.json";
export const CHECKS = "checks.json";
export const GUIDE = "RESTORE.md";
export const DATA = "data";
export const DUMP = "dump";
export const STORAGE = "storage";
export const CONFIG = "config";

const whole = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A path: text, or base64 if it is not UTF-8. */
const pathSchema = z
  .union([z.string(), z.strictObject({ b64: z.base64() })])
  .transform((value): BytePath =>
    typeof value === "string" ? fromString(value) : Buffer.from(value.b64, "base64").toString("latin1"),
  );

export const writtenPath = (path: BytePath): string | { b64: string } =>
  isUtf8(path) ? toBuffer(path).toString("utf8") : { b64: toBuffer(path).toString("base64") };

export const treeFactsSchema = z.object({
  files: whole,
  directories: whole,
  symlinks: whole,
  bytes: whole,
  /** The digest of names, kinds, modes, times in whole seconds, contents and link targets, in the order of a walk. */
  digest: sha256,
});
export type TreeFacts = z.infer<typeof treeFactsSchema>;

export const TREE_NAME = /^[A-Za-z0-9_][\w.-]{0,80}$/;

export const checksSchema = z.object({
  tables: z.array(z.object({ table: z.string(), rows: whole, digest: sha256.nullable() })),
  trees: z.array(treeFactsSchema.extend({ name: z.string().regex(TREE_NAME) })),
  /** Settings that the operator has to check on the other host. */
  settings: z.array(z.string()),
});
export type Checks = z.infer<typeof checksSchema>;

export const packageManifestSchema = z.object({
  format: z.literal(PACKAGE_FORMAT),
  format_version: z.string(),
  created_at: z.string(),
  source: z.object({ site: z.string().nullable(), host: z.string(), url: z.string().nullable() }),
  database: z
    .object({
      kind: z.enum(["portable", "dump"]),
      engine: z.enum(ENGINE_NAMES),
      server_version: z.string(),
      /** The path of a dump in the package. */
      dump: z.string().nullable(),
    })
    .nullable(),
  users: z.enum(["left out", "without passwords", "with passwords"]),
  trees: z.array(
    z.object({
      name: z.string().regex(TREE_NAME),
      /** The tree's path relative to the site's root; null if it lay elsewhere. */
      place: z.string().nullable(),
    }),
  ),
  config: z.boolean(),
  left_out: z.array(z.object({ what: z.string(), why: z.string() })),
  warnings: z.array(z.string()),
  /** Names of the numeric ids that own the files. */
  owners: z.object({ users: z.record(z.string(), z.string()), groups: z.record(z.string(), z.string()) }),
  /** Every file but this one. */
  files: z.array(z.object({ path: pathSchema, size_bytes: whole, sha256 })),
});
export type PackageManifest = z.infer<typeof packageManifestSchema>;
