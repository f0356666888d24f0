/**
 * Unpacks archives, which are hostile until checked: nothing is written outside of the targets, through a link, or over what is there. The content
 * digest of what comes out is worked out on the way, so that it can be held against what was recorded.
 */
import { asHoldfastError, HoldfastError, systemCode } from "../../errors.ts";
import type { UnpackRequest, UnpackResult } from "./request.ts";
import { TreeWriter } from "./tree-writer.ts";
import { unpackTgz } from "./tgz.ts";
import { unpackZip } from "./zip.ts";

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
