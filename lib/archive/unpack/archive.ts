/**
 * Unpacks archives, which are hostile until checked: nothing is written outside of the targets, through a link, or over
 * an existing file. The content digest is computed on the way, to compare it with the recorded one.
 */
import { asHoldfastError, HoldfastError, systemCode } from "../../errors.ts";
import type { UnpackRequest, UnpackResult } from "./request.ts";
import { TreeWriter } from "./tree-writer.ts";
import { setXattrs } from "../xattrs/set.ts";
import { unpackTgz } from "./tgz.ts";
import { unpackZip } from "./zip.ts";

/**
 * Unpacks an archive. Throws `E_ARCHIVE` for a damaged or hostile one: names that lead out, duplicate names, entries
 * behind a link, devices, hard links to files of others, more content, entries or depth than allowed, and names that
 * exist, such as those that differ in case only. Throws `E_NO_SPACE` or `E_TARGET`; written files are left for the
 * caller.
 */
export async function unpackArchive(request: UnpackRequest): Promise<UnpackResult> {
  const writer = new TreeWriter(request);
  try {
    const unpack = request.format === "zip" ? unpackZip : unpackTgz;
    const { entries, contentDigest } = await unpack(request, writer);
    const shared = writer.finish();
    const warnings = await setXattrs(writer.xattrs, request.cancelled);
    return { entries, contentDigest, shared, warnings, ...writer.written };
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
