/** Detects the format of a source by its content. */
import { statSync } from "node:fs";
import path from "node:path";
import { realFile } from "../../../archive/files/regular-file.ts";
import { djangoZipSource, isDjangoZip } from "./django-zip.ts";
import { readDump } from "./dumpdata.ts";
import type { ForeignSource } from "./record.ts";
import { isRecords, recordsSource } from "./records.ts";
import { headOf } from "../json/decode-file.ts";

export interface SourceRequest {
  /** True to verify checksums. */
  readonly verify: boolean;
  /** A directory to unpack into. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/**
 * Opens an external source. Returns undefined for an export of ours or a missing path. Throws `E_PACKAGE` for damage,
 * `E_VERSION` for a newer format.
 */
export async function foreignSource(given: string, request: SourceRequest): Promise<ForeignSource | undefined> {
  const found = statSync(given, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const from = realFile(given);
  if (found.isDirectory()) return isRecords(from) ? await recordsSource(from, request) : undefined;
  // A file named as a ZIP that is invalid or hostile is left to the reader of our own exports, which rejects it.
  if (headOf(from).toString("latin1") === ZIP || from.toLowerCase().endsWith(".zip"))
    return isDjangoZip(from) ? await djangoZipSource(from, request) : undefined;
  return {
    format: "a Django dump",
    made: { path: given, format: "a Django dump", version: null, created_at: null, database: null },
    name: path.basename(given),
    url: null,
    notes: [],
    warnings: [],
    lastMigrations: {},
    migrations: null,
    records: () => readDump(from, request.signal),
  };
}

const ZIP = "PK\u0003\u0004";
