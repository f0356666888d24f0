/** Reads a large value by one query per piece. */
import type { Row } from "../../engine/session.ts";

/** The size of a piece. */
export const QUERY_PIECE = 8 * 1024 * 1024;

/**
 * Yields pieces of at most `size` bytes until there are `bytes`. `ask` returns one from a position, which begins at 1.
 */
export async function* readPieces(
  bytes: number,
  size: number,
  ask: (start: number, size: number) => Promise<readonly Row[]>,
): AsyncGenerator<Buffer> {
  for (let start = 1; start <= bytes; start += size) {
    const piece = (await ask(start, size))[0]?.[0];
    if (!Buffer.isBuffer(piece)) return;
    yield piece;
  }
}
