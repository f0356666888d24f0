/**
 * Unpacks archives, which are hostile until checked: nothing is written outside of the targets, through a link, or over what is there. The content
 * digest of what comes out is worked out on the way, so that it can be held against what was recorded.
 */
import type { BytePath } from "./entry.ts";
import { asHoldfastError, HoldfastError, systemCode } from "../errors.ts";
import type { SharedDirectories, SharedRequest } from "./unpack-directories.ts";
import { TreeWriter, type UnpackOwners, type UnpackTarget } from "./unpack-writer.ts";
import { unpackTgz } from "./unpack-tgz.ts";
import { unpackZip } from "./unpack-zip.ts";

export interface UnpackRequest {
  /** Absolute path. */
  readonly archive: string;
  readonly format: "zip" | "tgz";
  /** What lies under no target's prefix is read for the digest and not written. */
  readonly targets: readonly UnpackTarget[];
  /** Only these entries, by their paths in the archive, and what is below them; all when absent. */
  readonly only?: readonly BytePath[];
  /** Entries that are read for the digest and not written. */
  readonly skip?: readonly BytePath[];
  /** Of a compiled bundle: what is under `original` stands for the file of the same path, `multimedia` is left out. */
  readonly reserved?: { readonly multimedia: BytePath; readonly original: BytePath };
  /** Directories that other archives write into as well; when absent, none is. */
  readonly shared?: SharedRequest;
  /** Null: owners are not set. */
  readonly owners: UnpackOwners | null;
  /** What the archive may hold at most. */
  readonly limits: { readonly bytes: number; readonly entries: number; readonly depth: number };
  /** Looked at between entries and pieces; true ends the work with `E_INTERRUPTED`. */
  readonly cancelled: () => boolean;
  /** Hears of content as it is written. */
  readonly onBytes?: (bytes: number) => void;
}

export interface UnpackResult {
  /** All of the archive's. */
  readonly entries: number;
  /** What was written of each kind; `bytes` of content. */
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
  /** Of the whole archive, with the owners that it records (see content.ts); null when `only` left some of it unread. */
  readonly contentDigest: string | null;
  readonly shared: SharedDirectories;
}

/**
 * Unpacks one archive. Throws `E_ARCHIVE`, naming what is wrong, for one that is damaged or hostile: names that lead out, two entries of one name,
 * entries behind a link, devices, links to what the archive did not make, more content, entries or depth than allowed; a name that is there
 * already, as of twins that differ in case only. `E_NO_SPACE`, `E_TARGET` where it may not be written. What was written is left for the caller.
 */
export async function unpackArchive(request: UnpackRequest): Promise<UnpackResult> {
  const writer = new TreeWriter(request);
  try {
    const unpack = request.format === "zip" ? unpackZip : unpackTgz;
    const { entries, contentDigest } = await unpack(request, writer);
    return { entries, contentDigest, shared: writer.finish(), ...writer.written };
  } catch (error) {
    throw explain(request.archive, error);
  } finally {
    writer.abandon();
  }
}

function explain(archive: string, error: unknown): HoldfastError {
  const code = systemCode(error);
  const said = error instanceof Error ? error.message : String(error);
  if (code === "ENAMETOOLONG")
    return new HoldfastError("E_ARCHIVE", `${archive}: a name is too long for this file system: ${said}`, {
      cause: error,
    });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new HoldfastError("E_TARGET", `cannot write what ${archive} holds: ${said}`, { cause: error });
  const failure = asHoldfastError(error, "E_IO");
  if (failure.code !== "E_ARCHIVE" || failure.message.startsWith(archive)) return failure;
  return new HoldfastError("E_ARCHIVE", `${archive}: ${failure.message}`, { cause: error });
}
