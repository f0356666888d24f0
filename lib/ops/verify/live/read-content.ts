/** Reads a file of the site to compare its content with an archive's. */
import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import type { BytePath } from "../../../archive/entry.ts";
import { streamRegular } from "../../../archive/files/regular-file.ts";
import { toBuffer } from "../../../archive/path.ts";

const SQLITE_MARK = "SQLite format 3\0";

export interface Content {
  readonly crc: number;
  readonly sha256: string;
  readonly isSqlite: boolean;
}

/** Reads a file to its end; `onBytes` is called with the size of each piece. */
export async function readContent(
  file: BytePath,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Content> {
  const hash = createHash("sha256");
  let crc = 0;
  let head = "";
  await pipeline(
    streamRegular(toBuffer(file), "E_VERIFY", { highWaterMark: 1 << 18 }),
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) {
        if (head.length < SQLITE_MARK.length) head += chunk.toString("latin1", 0, SQLITE_MARK.length);
        hash.update(chunk);
        crc = crc32(chunk, crc);
        onBytes(chunk.length);
      }
    },
    { signal },
  );
  return { crc, sha256: hash.digest("hex"), isSqlite: head.startsWith(SQLITE_MARK) };
}
