/** Writing a dump: private, hashed on the way, on the disk before it is called done, and gone when it failed. */
import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { HoldfastError, asHoldfastError } from "../errors.ts";

export interface Written {
  readonly size_bytes: number;
  readonly sha256: string;
}

/**
 * Creates `path` (mode 0640; it must not exist), fills it from `source` and syncs it, then runs `check`. When anything
 * of that fails the file is removed again and the error thrown: `E_NO_SPACE`, `E_INTERRUPTED`, what `source` or `check`
 * threw, else `E_DUMP`.
 */
export async function writeDump(
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: { signal: AbortSignal; onBytes: (bytes: number) => void; check: (written: Written) => Promise<void> },
): Promise<Written> {
  const hash = createHash("sha256");
  let size = 0;
  const count = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
      options.onBytes(size);
    }
  };
  const file = await open(path, "wx", 0o640).catch((error: unknown) => {
    throw asHoldfastError(error, "E_IO");
  });
  try {
    await file.chmod(0o640);
    await pipeline(source, count, file.createWriteStream({ flush: true }), { signal: options.signal });
    if (size === 0) throw new HoldfastError("E_DUMP", "the dump is empty");
    const written = { size_bytes: size, sha256: hash.digest("hex") };
    await options.check(written);
    return written;
  } catch (error) {
    await rm(path, { force: true });
    throw asHoldfastError(error, "E_DUMP");
  } finally {
    await file.close().catch(() => {}); // the stream has closed it already, unless it failed early
  }
}
