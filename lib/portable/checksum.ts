/** The checksum of an export as a whole: it covers the names, the lengths and the digests of all its files. */
import { createHash } from "node:crypto";
import type { ExportManifest } from "./format.ts";

/** sha256 over `holdfast export 1` LF, the digest of schema.json LF, that of settings.json LF where there is one, and for each file, in the order of the manifest, `path` NUL size NUL rows NUL sha256 LF. */
export function checksumOf({
  schema_sha256,
  settings_sha256,
  tables,
}: Pick<ExportManifest, "schema_sha256" | "settings_sha256" | "tables">): string {
  const hash = createHash("sha256").update(`holdfast export 1\n${schema_sha256}\n`);
  if (settings_sha256 !== undefined) hash.update(`settings ${settings_sha256}\n`);
  for (const { table, rows, digest, files } of tables) {
    hash.update(`${table}\0${rows}\0${digest}\n`);
    for (const { path, size_bytes, rows: own, sha256 } of files)
      hash.update(`${path}\0${size_bytes}\0${own}\0${sha256}\n`);
  }
  return hash.digest("hex");
}
