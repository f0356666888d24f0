/** Tells by its content what another program wrote. */
import { statSync } from "node:fs";
import path from "node:path";
import { realFile } from "../../../archive/files/regular-file.ts";
import { djangoZipSource, isDjangoZip } from "./django-zip.ts";
import { readDump } from "./dumpdata.ts";
import type { ForeignSource } from "./record.ts";
import { isRecords, recordsSource } from "./records.ts";
import { headOf } from "../json/decode-file.ts";

export interface SourceRequest {
  /** Whether checksums are looked at. */
  readonly verify: boolean;
  /** A directory to unpack into. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** Undefined for what is not foreign: an export of ours, or nothing. Throws `E_PACKAGE` for what is damaged, `E_VERSION` for what is too new. */
export async function foreignSource(given: string, request: SourceRequest): Promise<ForeignSource | undefined> {
  const found = statSync(given, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const from = realFile(given);
  if (found.isDirectory()) return isRecords(from) ? await recordsSource(from, request) : undefined;
  // What calls itself a ZIP and is none, or a hostile one, is refused by whoever reads exports of ours.
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
