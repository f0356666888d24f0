/** The checksum of an export as a whole: it covers the names, the lengths and the digests of all its files. */
import { createHash } from "node:crypto";
import type { ExportManifest } from "./documents.ts";

/** sha256 over `holdfast export 1` LF, the digest of schema.json LF, that of settings.json LF where there is one, for each file, in the order of the manifest, `path` NUL size NUL rows NUL sha256 LF, and for each large value `blob ` sha256 NUL size LF. */
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
