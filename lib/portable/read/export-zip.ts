/** Reads a native export in one ZIP: verified as a whole, and unpacked into a private directory. */
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
  /** Removes the directory, as do the end of the process and an abort. */
  remove(): void;
}

/**
 * Unpacks a native export into a temporary directory (`TMPDIR`) of mode 0700. Throws `E_PACKAGE`, and leaves nothing
 * behind, if the ZIP is invalid, damaged, or contains anything but the files of an export: other names, paths out of
 * the directory, duplicate names, symbolic links. Throws `E_NO_SPACE` if it would not fit.
 */
export async function unpackedExport(name: string, signal: AbortSignal): Promise<UnpackedExport> {
  const file = realFile(name);
  const total = withPackageErrors(file, () => contentSize(readZipDirectory(file)));
  const directory = privateDirectory(signal);
  try {
    const { bavail, bsize } = statfsSync(directory.path);
    if (total > bavail * bsize)
      throw new HoldfastError("E_NO_SPACE", `${file} needs ${total} bytes unpacked, more than TMPDIR has free`, {
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

/** Returns the size of the content. Throws `E_PACKAGE` for entries that are not part of an export. */
function contentSize(entries: readonly ZipEntry[]): number {
  for (const { name, type } of entries) {
    const belongs = type === "directory" || [MANIFEST, SCHEMA, SETTINGS].includes(name) || DATA.test(name);
    if (type === "symlink" || !belongs)
      throw new HoldfastError("E_PACKAGE", `${JSON.stringify(name)} is not part of an export`);
  }
  for (const name of [MANIFEST, SCHEMA])
    if (!entries.some((entry) => entry.name === name))
      throw new HoldfastError("E_PACKAGE", `not an export: ${name} is missing`);
  return entries.reduce((sum, { size }) => sum + size, 0);
}

function withPackageErrors<T>(file: string, look: () => T): T {
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
