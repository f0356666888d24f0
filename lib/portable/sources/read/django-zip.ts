/** Reads a ZIP of `metadata.json`, `<app>/<model>.json` as Django's serializer writes it, and `media/`. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { DOCUMENT, parseJson } from "../../../archive/limits.ts";
import { readRegular } from "../../../archive/files/regular-file.ts";
import { BufferedFile } from "../../../archive/files/buffered-file.ts";
import { display } from "../../../archive/path.ts";
import { readEntry, verifyZip } from "../../../archive/zip/reader.ts";
import { readZipDirectory } from "../../../archive/zip/directory.ts";
import { HoldfastError } from "../../../errors.ts";
import { readDump } from "./dumpdata.ts";
import type { ForeignRecord, ForeignSource } from "./record.ts";
import { plural, wordFor } from "../../../report/format.ts";

const METADATA = "metadata.json";
const MEDIA = "media/";
/** The newest supported version. */
const NEWEST = 1;

const metadataSchema = z.looseObject({
  version: z.union([z.string(), z.number()]).transform(String),
  timestamp: z.string().nullish().catch(null),
  database_engine: z.string().nullish().catch(null),
  models_count: z.number().int().optional(),
  total_records: z.number().int().optional(),
  schema_versions: z.strictObject({ tool: z.string(), applied: z.array(z.string()) }).nullish(),
});

/** Checks whether a ZIP has this format; false for one that is damaged or hostile. */
export function isDjangoZip(file: string): boolean {
  try {
    return readZipDirectory(file).some(({ name }) => name === METADATA);
  } catch {
    return false; // the reader of our own exports then reports the damage
  }
}

/**
 * Opens the ZIP after verifying all of it: paths, the size and CRC of each file, and the metadata's counts. Throws
 * `E_ARCHIVE`, `E_PACKAGE`, `E_VERSION`. `scratch` is a directory to unpack into.
 */
export async function djangoZipSource(
  file: string,
  { scratch, signal }: { readonly scratch: string; readonly signal: AbortSignal },
): Promise<ForeignSource> {
  await verifyZip(file, signal);
  const entries = readZipDirectory(file).filter(({ type }) => type === "file");
  const isModel = (name: string): boolean => !name.startsWith(MEDIA) && name.endsWith(".json") && name !== METADATA;
  const wanted = entries.filter(({ name }) => name === METADATA || isModel(name));
  const places = new Map<string, string>();
  const directory = path.join(scratch, "models");
  mkdirSync(directory);
  const window = new BufferedFile(file);
  try {
    for (const [at, entry] of wanted.entries()) {
      const place = path.join(directory, `${at}.json`);
      const fd = openSync(place, "wx", 0o600);
      try {
        const write = (data: Buffer): void => {
          for (let done = 0; done < data.length;) done += writeSync(fd, data, done);
        };
        await readEntry(file, window, entry, write, signal);
      } finally {
        closeSync(fd);
      }
      places.set(display(entry.name), place);
    }
  } finally {
    window.close();
  }
  const metadata = readMetadata(file, places.get(METADATA) ?? "");
  const models = [...places].filter(([name]) => name !== METADATA);
  if (metadata.models_count !== undefined && metadata.models_count > models.length)
    throw new HoldfastError(
      "E_PACKAGE",
      `${file}: expected ${metadata.models_count} models by its metadata, found ${models.length}`,
    );
  const media = entries.filter(({ name }) => name.startsWith(MEDIA)).length;
  const others = entries.filter(({ name }) => !name.startsWith(MEDIA) && name !== METADATA && !isModel(name));
  return {
    format: "a ZIP of models",
    made: {
      path: file,
      format: "a ZIP of models",
      version: metadata.version,
      created_at: metadata.timestamp ?? null,
      database: metadata.database_engine ?? null,
    },
    name: path.basename(file),
    url: null,
    notes: [
      ...(media > 0
        ? [
            `${MEDIA}: ${plural(media, "file is", "files are")} not part of the database; unpack ${wordFor(media, "it", "them")} into the site's media directory`,
          ]
        : []),
      ...others.map(({ name }) => `${display(name)} is unknown and left out`),
    ],
    warnings: [],
    lastMigrations: {},
    migrations: metadata.schema_versions ?? null,
    records: () => readModels(file, models, metadata.total_records, signal),
  };
}

async function* readModels(
  file: string,
  models: readonly (readonly [string, string])[],
  total: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<ForeignRecord> {
  let count = 0;
  for (const [name, place] of models)
    for await (const record of readDump(place, signal, name)) {
      count++;
      yield record;
    }
  if (total !== undefined && total !== count)
    throw new HoldfastError("E_PACKAGE", `${file}: expected ${total} records by its metadata, found ${count}`);
}

function readMetadata(file: string, place: string): z.infer<typeof metadataSchema> {
  let value: unknown;
  try {
    value = parseJson(readRegular(place, DOCUMENT.bytes, "E_PACKAGE").toString("utf8"));
  } catch (error) {
    throw new HoldfastError("E_PACKAGE", `${file}: ${METADATA} is not valid JSON`, { cause: error });
  }
  const found = metadataSchema.safeParse(value);
  if (!found.success)
    throw new HoldfastError(
      "E_PACKAGE",
      `${file}: ${METADATA}: ${found.error.issues[0]?.path.join(".") ?? ""} is malformed`,
    );
  const { version } = found.data;
  if (Number.isNaN(Number.parseInt(version, 10)) || Number.parseInt(version, 10) > NEWEST)
    throw new HoldfastError("E_VERSION", `${file} has version ${version}; this Holdfast reads ${NEWEST}`);
  return found.data;
}
