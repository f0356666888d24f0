/** A native export that is one ZIP: checked as a whole, and unpacked where nobody else can look. */
import { statfsSync } from "node:fs";
import { fromString } from "../../archive/path.ts";
import { realFile } from "../../archive/files/regular-file.ts";
import { unpackArchive } from "../../archive/unpack/archive.ts";
import { readZipDirectory, type ZipEntry } from "../../archive/zip/directory.ts";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";
import { MANIFEST, SCHEMA } from "../format/documents.ts";
import { SETTINGS } from "../format/settings.ts";

const DATA = /^(?:data\/(?:[^/\0]+\/){1,2}\d{5,}\.ndjson\.gz|blobs\/[0-9a-f]{64})$/;

export interface UnpackedExport {
  readonly directory: string;
  /** Takes the directory away; so does the end of the process, and an abort. */
  remove(): void;
}

/**
 * Unpacks a native export into a temporary directory (`TMPDIR`) of mode 0700. Throws `E_PACKAGE`, and leaves nothing, for what is no such ZIP, is damaged, or holds
 * anything but files of an export: other names, paths that lead out, two of one name, links; `E_NO_SPACE` where it would not fit.
 */
export async function unpackedExport(name: string, signal: AbortSignal): Promise<UnpackedExport> {
  const file = realFile(name);
  const total = refusing(file, () => admitted(readZipDirectory(file)));
  const directory = privateDirectory(signal);
  try {
    const { bavail, bsize } = statfsSync(directory.path);
    if (total > bavail * bsize)
      throw new HoldfastError("E_NO_SPACE", `${file} takes ${total} bytes unpacked, more than there are below TMPDIR`, {
        hint: "set TMPDIR to a directory on a larger disk",
      });
    await unpackArchive({
      archive: file,
      format: "zip",
      targets: [{ prefix: "", into: fromString(directory.path) }],
      owners: null,
      limits: { bytes: total, entries: Number.MAX_SAFE_INTEGER, depth: 8 },
      cancelled: () => signal.aborted,
    });
    return { directory: directory.path, remove: directory.remove };
  } catch (error) {
    directory.remove();
    throw packageError(file, error);
  }
}

/** The bytes of content. */
function admitted(entries: readonly ZipEntry[]): number {
  for (const { name, type } of entries) {
    const belongs = type === "directory" || [MANIFEST, SCHEMA, SETTINGS].includes(name) || DATA.test(name);
    if (type === "symlink" || !belongs)
      throw new HoldfastError("E_PACKAGE", `${JSON.stringify(name)} does not belong into an export`);
  }
  for (const name of [MANIFEST, SCHEMA])
    if (!entries.some((entry) => entry.name === name))
      throw new HoldfastError("E_PACKAGE", `it has no ${name}: it is no export`);
  return entries.reduce((sum, { size }) => sum + size, 0);
}

function refusing<T>(file: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw packageError(file, error);
  }
}

function packageError(file: string, error: unknown): unknown {
  if (!(error instanceof HoldfastError) || !["E_ARCHIVE", "E_PACKAGE"].includes(error.code)) return error;
  const message = error.message.startsWith(file) ? error.message : `${file}: ${error.message}`;
  return new HoldfastError("E_PACKAGE", message, { cause: error });
}
