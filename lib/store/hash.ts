/** sha256 of files, piece by piece. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

const PIECE = 1024 * 1024;

/** The size and lower-case sha256 of a file. Memory is that of one piece, and for a small file of no more than the file. */
export async function hashFile(file: string, signal: AbortSignal): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  const handle = await open(file, "r");
  try {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, (await handle.stat()).size + 1));
    let size = 0;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return { size, sha256: hash.digest("hex") };
      hash.update(piece.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
