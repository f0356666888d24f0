/** A ZIP that is written as a whole and read again before it counts. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import type { EntryAttributes } from "../../archive/entry.ts";
import { ArchiveSink } from "../../archive/output.ts";
import { verifyZip } from "../../archive/zip/reader.ts";
import { ZipWriter } from "../../archive/zip/writer.ts";

/** Of deflate. */
const LEVEL = 3;

/** `fill` adds the entries. The file is on disk, and every CRC in it has been read again, when this returns; where it throws, the file is gone. */
export async function writeZip<T>(file: string, signal: AbortSignal, fill: (zip: ZipWriter) => Promise<T>): Promise<T> {
  const sink = new ArchiveSink(file);
  try {
    const zip = new ZipWriter(sink, { level: LEVEL });
    const result = await fill(zip);
    zip.close();
    sink.finish();
    syncFile(file);
    await verifyZip(file, signal);
    return result;
  } catch (error) {
    sink.discard();
    throw error;
  }
}

/** Of the entries that come from no file. */
export const attributesAt = (at: Date): EntryAttributes => ({
  mode: 0o640,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  mtimeNs: BigInt(at.getTime()) * 1_000_000n,
});

function syncFile(file: string): void {
  const fd = openSync(file, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
