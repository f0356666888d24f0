/** Reads a .tgz to its very end. */
import { createGunzip } from "node:zlib";
import { HoldfastError } from "../../errors.ts";
import { consume } from "../files/consume-stream.ts";
import { streamRegular } from "../files/regular-file.ts";
import { TarReader, type TarEntry } from "./reader.ts";
import { isZlibError, withArchivePath } from "../errors.ts";

const CHUNK = 256 * 1024;

/**
 * Unpacks all gzip members, checks their CRCs and sizes, and reads the tar headers up to the end marker. Only zeros may
 * follow it. Throws `E_ARCHIVE` that names the file and the fault. `bytes` counts the content of all files. `onEntry`
 * is called for each entry after its content was read and hashed.
 */
export async function verifyTgz(
  path: string,
  onEntry?: (entry: TarEntry) => void,
  signal?: AbortSignal,
): Promise<{ entries: number; bytes: number }> {
  const reader = new TarReader(onEntry);
  try {
    const input = streamRegular(path, "E_ARCHIVE", { highWaterMark: CHUNK });
    const gunzip = createGunzip({ chunkSize: CHUNK });
    await consume(input, gunzip, (chunk) => reader.write(chunk), signal);
    const stray = input.bytesRead - gunzip.bytesWritten;
    if (stray !== 0) throw new HoldfastError("E_ARCHIVE", `${stray} stray bytes after the last gzip member`);
    return reader.end();
  } catch (error) {
    throw withArchivePath(
      path,
      isZlibError(error) ? new HoldfastError("E_ARCHIVE", error.message, { cause: error }) : error,
    );
  }
}
