/** The checksum of a whole export, over the names, sizes and digests of all its files. */
import { createHash } from "node:crypto";
import type { ExportManifest } from "./documents.ts";

/**
 * Returns the checksum of an export, the sha256 of these lines, each with its LF:
 *
 * - `holdfast export 1`, then the digest of schema.json;
 * - `settings ` and the digest of settings.json, if there are settings;
 * - for each table, in the order of the manifest, `table` NUL rows NUL digest, and for each of its files `path` NUL
 *   size NUL rows NUL sha256;
 * - for each large value, `blob ` sha256 NUL size.
 */
export function checksumOf({
  schema_sha256,
  settings_sha256,
  tables,
  blobs = [],
}: Pick<ExportManifest, "schema_sha256" | "settings_sha256" | "tables" | "blobs">): string {
  const hash = createHash("sha256").update(`holdfast export 1\n${schema_sha256}\n`);
  if (settings_sha256 !== undefined) hash.update(`settings ${settings_sha256}\n`);
  for (const { table, rows, digest, files } of tables) {
    hash.update(`${table}\0${rows}\0${digest}\n`);
    for (const { path, size_bytes, rows: own, sha256 } of files)
      hash.update(`${path}\0${size_bytes}\0${own}\0${sha256}\n`);
  }
  for (const { sha256, size_bytes } of blobs) hash.update(`blob ${sha256}\0${size_bytes}\n`);
  return hash.digest("hex");
}
