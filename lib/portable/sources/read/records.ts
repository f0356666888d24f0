/**
 * Reads a directory of a manifest and `{model, count, records: [{natural_key, fields}]}` files: the records format, and
 * the portal exports that it derives from.
 */
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { DOCUMENT, parseJson } from "../../../archive/limits.ts";
import { readRegular, streamRegular } from "../../../archive/files/regular-file.ts";
import { HoldfastError } from "../../../errors.ts";
import { hashFile } from "../../../store/files/hash.ts";
import { MANIFEST } from "../../format/documents.ts";
import type { ForeignRecord, ForeignSource } from "./record.ts";
import { readRecords } from "./records-file.ts";

/** The newest supported version of each format. */
const FORMATS = { "orcd-portal-export": 2, "holdfast-records": 1 } as const;

const fileSchema = z.looseObject({
  path: z
    .string()
    .refine((one) => !path.isAbsolute(one) && !one.split("/").includes(".."), "points outside the export"),
  rows: z.number().int(),
  size_bytes: z.number().int(),
  sha256: z.string(),
});

/** Every migration, or the last one of each app. */
const wholeSchema = z.strictObject({ tool: z.string(), applied: z.array(z.string()) });
const lastSchema = z.record(z.string(), z.string());

const componentsSchema = z.looseObject({ components: z.record(z.string(), z.unknown()).default({}) });

const manifestSchema = z.looseObject({
  export_format: z.enum(["orcd-portal-export", "holdfast-records"]),
  export_version: z.string(),
  created_at: z.string().nullish(),
  source: z.looseObject({ engine: z.string(), server_version: z.string() }).nullish().catch(null),
  source_portal: z.looseObject({ name: z.string().nullish(), url: z.string().nullish() }).nullish(),
  schema_versions: z.union([wholeSchema, lastSchema]).nullish(),
  data_counts: z.record(z.string(), z.number().int()).optional(),
  checksum: z.looseObject({ algorithm: z.enum(["sha256", "sha512", "sha1", "md5"]), value: z.string() }).nullish(),
  files: z.array(fileSchema).optional(),
});
type RecordsManifest = z.infer<typeof manifestSchema>;

/** Checks whether a directory's manifest has this format. */
export function isRecords(directory: string): boolean {
  try {
    const found = z.looseObject({ export_format: z.string() }).safeParse(readJson(path.join(directory, MANIFEST)));
    return found.success && Object.hasOwn(FORMATS, found.data.export_format);
  } catch {
    return false;
  }
}

/**
 * Opens the directory. Throws `E_PACKAGE` if the files do not match the manifest (checked only with `verify`),
 * `E_VERSION` for a newer format.
 */
export async function recordsSource(
  directory: string,
  { verify, signal }: { readonly verify: boolean; readonly signal: AbortSignal },
): Promise<ForeignSource> {
  const manifest = readManifest(directory);
  const components = subManifests(directory);
  const configs = Object.keys(componentsSchema.parse(manifest).components).filter((name) => name === "config");
  const all = manifest.files?.map((file) => file.path) ?? jsonFiles(directory);
  const files = all.filter((file) => !configs.some((name) => file.startsWith(`${name}/`)));
  if (verify) {
    await verifyChecksum(directory, manifest, signal);
    for (const [name, own] of components)
      if (own.checksum !== undefined && own.checksum !== null)
        await verifyChecksum(path.join(directory, name), own, signal);
  }
  const manifests = [manifest, ...components.map(([, own]) => own)];
  const whole = manifests
    .map(({ schema_versions: one }) => wholeSchema.safeParse(one).data)
    .find((one) => one !== undefined);
  const last = manifests.flatMap(({ schema_versions: one }) => Object.entries(lastSchema.safeParse(one).data ?? {}));
  const counts = Object.fromEntries(manifests.flatMap(({ data_counts: one }) => Object.entries(one ?? {})));
  return {
    format: "records",
    made: {
      path: directory,
      format: manifest.export_format,
      version: manifest.export_version,
      created_at: manifest.created_at ?? null,
      database: manifest.source ? `${manifest.source.engine} ${manifest.source.server_version}` : null,
    },
    name: manifest.source_portal?.name ?? null,
    url: manifest.source_portal?.url ?? null,
    notes: configs.map((name) => `${name}: settings are not imported`),
    warnings: [],
    lastMigrations: Object.fromEntries(last),
    migrations: whole ?? null,
    records: () => readAll(directory, files, counts, signal),
  };
}

async function* readAll(
  directory: string,
  files: readonly string[],
  counts: Readonly<Record<string, number>>,
  signal: AbortSignal,
): AsyncGenerator<ForeignRecord> {
  const seen = new Set<string>();
  for (const file of files) {
    const { model, count } = yield* readRecords(path.join(directory, file), file, signal);
    seen.add(model);
    const said = counts[model];
    if (said !== undefined && said !== count)
      throw new HoldfastError("E_PACKAGE", `${file}: expected ${said} records by the manifest, found ${count}`);
  }
  const missing = Object.entries(counts).find(([model, count]) => count > 0 && !seen.has(model));
  if (missing !== undefined)
    throw new HoldfastError(
      "E_PACKAGE",
      `the manifest lists ${missing[1]} records of ${missing[0]}, but their file is missing`,
    );
}

function readManifest(directory: string): RecordsManifest {
  const file = path.join(directory, MANIFEST);
  const found = manifestSchema.safeParse(readJson(file));
  if (!found.success) {
    const [issue] = found.error.issues;
    throw new HoldfastError(
      "E_PACKAGE",
      `${file}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is malformed"}`,
    );
  }
  const { export_format: format, export_version: version } = found.data;
  if (Number(version.split(".")[0]) > FORMATS[format])
    throw new HoldfastError(
      "E_VERSION",
      `the export has format ${format} ${version}; this Holdfast reads ${FORMATS[format]}`,
    );
  return found.data;
}

/** Returns the parts of an export that have their own manifests, by directory. */
const subManifests = (directory: string): [string, RecordsManifest][] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isRecords(path.join(directory, entry.name)))
    .map((entry) => [entry.name, readManifest(path.join(directory, entry.name))]);

/** Returns the JSON files except manifests, sorted by path, component by component. */
const jsonFiles = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json") && entry.name !== MANIFEST)
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .toSorted((a, b) => byParts(a.split("/"), b.split("/")));

function byParts(a: readonly string[], b: readonly string[]): number {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    if (other === undefined) return 1;
    if (part !== other) return Buffer.compare(Buffer.from(part), Buffer.from(other));
  }
  return a.length - b.length;
}

/**
 * Verifies the checksum of a manifest. With a list of files: size and sha256 of each, and the checksum over that list
 * (`holdfast records 1`). Without: over the bytes of all files in the order of their paths.
 */
async function verifyChecksum(
  directory: string,
  { checksum, files }: RecordsManifest,
  signal: AbortSignal,
): Promise<void> {
  const fail = (what: string): never => {
    throw new HoldfastError("E_PACKAGE", `${path.join(directory, MANIFEST)}: ${what}`, {
      hint: "nothing was changed: create or fetch the export again; --no-verify-checksum skips this check",
    });
  };
  if (checksum === undefined || checksum === null) return fail("it has no checksum");
  const hash = createHash(checksum.algorithm);
  if (files === undefined)
    for (const file of jsonFiles(directory))
      for await (const piece of streamRegular(path.join(directory, file), "E_PACKAGE")) {
        signal.throwIfAborted();
        hash.update(z.instanceof(Buffer).parse(piece));
      }
  else {
    hash.update("holdfast records 1\n");
    for (const { path: file, size_bytes, rows, sha256 } of files) {
      const found = statSync(path.join(directory, file), { throwIfNoEntry: false });
      if (found === undefined) return fail(`${file} is missing`);
      if (found.size !== size_bytes) return fail(`${file}: expected ${size_bytes} bytes, found ${found.size}`);
      if ((await hashFile(path.join(directory, file), signal)).sha256 !== sha256) return fail(`${file} was changed`);
      hash.update(`${file}\0${size_bytes}\0${rows}\0${sha256}\n`);
    }
  }
  if (hash.digest("hex") !== checksum.value) fail("the checksum does not match the files");
}

function readJson(file: string): unknown {
  try {
    return parseJson(readRegular(file, DOCUMENT.bytes, "E_PACKAGE").toString("utf8"));
  } catch (error) {
    throw new HoldfastError("E_PACKAGE", `${file} cannot be read, or is not valid JSON`, { cause: error });
  }
}
