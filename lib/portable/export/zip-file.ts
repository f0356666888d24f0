/** Writes a ZIP as a whole, and reads it back before it is accepted. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import type { EntryAttributes } from "../../archive/entry.ts";
import { ArchiveSink } from "../../archive/output.ts";
import { verifyZip } from "../../archive/zip/reader.ts";
import { ZipWriter } from "../../archive/zip/writer.ts";

/** The compression level of deflate. */
const LEVEL = 3;

/**
 * Writes a ZIP with the entries that `fill` adds. On return it is synced, and each CRC has been verified; on an error
 * it is removed.
 */
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

/** Returns attributes for entries that do not come from a file. */
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
