/** Writes the native export as one file: a ZIP of the directory. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import type { ZipWriter } from "../../archive/zip/writer.ts";
import type { Connection } from "../engine/connection.ts";
import { exportTables, type ExportRequest } from "./run.ts";
import { blobPath } from "../format/large-value.ts";
import { MANIFEST, SCHEMA, type ExportManifest } from "../format/documents.ts";
import type { PortablePlan } from "../plan/run.ts";
import { SETTINGS } from "../format/settings.ts";
import { writeAtomically } from "./atomic-output.ts";
import type { ExportHooks } from "./record-rows.ts";
import { attributesAt, writeZip } from "./zip-file.ts";

/**
 * Exports as a ZIP. The directory is staged next to the file, and each of its files is removed once packed. Throws like
 * `exportTables`.
 */
export async function exportNativeZip(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  hooks: ExportHooks,
): Promise<ExportManifest> {
  return await writeAtomically(request.output, async (staging) => {
    const directory = `${staging}.${randomUUID()}.parts`;
    try {
      const manifest = await exportTables(connection, plan, { ...request, output: directory }, hooks.onRows);
      await writeZip(staging, hooks.signal, async (zip) => await pack(zip, directory, manifest, hooks.signal));
      return manifest;
    } finally {
      removeTree(fromString(directory));
    }
  });
}

async function pack(zip: ZipWriter, directory: string, manifest: ExportManifest, signal: AbortSignal): Promise<void> {
  const attributes = attributesAt(new Date(manifest.created_at));
  const data = manifest.tables.flatMap(({ files }) => files.map((file) => file.path));
  const blobs = (manifest.blobs ?? []).map(({ sha256 }) => blobPath(sha256));
  const settings = manifest.settings_sha256 === undefined ? [] : [SETTINGS];
  for (const name of [SCHEMA, ...settings, ...data, ...blobs, MANIFEST]) {
    signal.throwIfAborted();
    const file = path.join(directory, name);
    zip.addFile(fromString(name), fromString(file), attributes);
    rmSync(file);
    await setImmediate();
  }
}
