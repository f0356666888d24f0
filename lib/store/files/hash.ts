/** Hashes files with sha256, piece by piece. */
import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { openRegular } from "../../archive/files/regular-file.ts";

const PIECE = 1024 * 1024;
/** Bytes read before other tasks may run. */
const AT_ONCE = 8 * PIECE;

/** Returns the size and lower-case sha256 of a regular file, in the memory of one piece. */
export async function hashFile(file: string | Buffer, signal: AbortSignal): Promise<{ size: number; sha256: string }> {
  signal.throwIfAborted();
  const hash = createHash("sha256");
  const fd = openRegular(file, "E_VERIFY");
  try {
    let size = 0;
    for (let since = 0; ;) {
      const count = readSync(fd, piece, 0, PIECE, size);
      if (count === 0) return { size, sha256: hash.digest("hex") };
      hash.update(piece.subarray(0, count));
      size += count;
      since += count;
      if (since < AT_ONCE) continue;
      since = 0;
      await setImmediate();
      signal.throwIfAborted();
    }
  } finally {
    closeSync(fd);
  }
}

/** A buffer for all calls: reading a piece and hashing it is synchronous. */
const piece = Buffer.allocUnsafeSlow(PIECE);
