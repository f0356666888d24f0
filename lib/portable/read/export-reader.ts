/** Reads an export: verifies its documents as a whole, and reads rows line by line. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { DOCUMENT, parseJson } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import { HoldfastError } from "../../errors.ts";
import { collectEvery } from "../../exec/v8-memory.ts";
import { hashFile } from "../../store/files/hash.ts";
import { blobPath, readTag, type LargeTag } from "../format/large-value.ts";
import { checksumOf } from "../format/checksum.ts";
import { compareVersions } from "../format/versions.ts";
import {
  exportManifestSchema,
  MANIFEST,
  SCHEMA,
  tableSchema,
  trailerSchema,
  type ExportManifest,
  type ExportedTable,
} from "../format/documents.ts";
import { readLines } from "./gzip-lines.ts";
import { tablesMeant } from "../schema/names.ts";
import type { JsonCell } from "../rows/nested-key.ts";
import { SETTINGS, settingsSchema, type CapturedSettings } from "../format/settings.ts";
import type { TargetRefinement } from "../import/target/refinement.ts";
import { plural } from "../../report/format.ts";

export interface ExportReader {
  readonly directory: string;
  readonly manifest: ExportManifest;
  /** The tables, in the order of the manifest. */
  readonly tables: readonly ExportedTable[];
  /** The settings, if the export recorded them. */
  readonly settings?: CapturedSettings;
  /** Refinements of the config for an import. */
  readonly refine?: TargetRefinement;
}

/**
 * Checks whether the export was made from this installation: rows identified by generated ids alone are the same only
 * there.
 */
export const isOrigin = ({ manifest: { source } }: ExportReader, instance: string | undefined): boolean =>
  source.instance !== undefined && source.instance === instance;

/** A row, and its position in the export. */
export interface ReadRow {
  readonly cells: readonly JsonCell[];
  readonly file: string;
  /** The line number from 1; line 1 is the header. */
  readonly line: number;
}

/**
 * Opens an export. Throws `E_PACKAGE` if it is invalid, damaged or truncated, and `E_VERSION` for another major
 * version, unless `anyVersion` leaves that to the caller.
 */
export async function openExport(
  directory: string,
  options: { readonly verify: boolean; readonly anyVersion?: boolean; readonly signal: AbortSignal },
): Promise<ExportReader> {
  const manifest = readJson(path.join(directory, MANIFEST), exportManifestSchema);
  const [unreadable] = compareVersions(manifest.export_version).problems;
  if (unreadable !== undefined && options.anyVersion !== true) throw new HoldfastError("E_VERSION", unreadable);
  const schemaFile = path.join(directory, SCHEMA);
  const tables = readJson(schemaFile, z.array(tableSchema));
  if (options.verify) await verifyPackage(directory, manifest, options.signal);
  const byId = new Map(tables.map((table) => [table.table, table]));
  return {
    directory,
    manifest,
    ...(manifest.settings_sha256 === undefined
      ? {}
      : { settings: readJson(path.join(directory, SETTINGS), settingsSchema) }),
    tables: manifest.tables.map(({ table }) => byId.get(table) ?? fail(SCHEMA, `does not describe ${table}`)),
  };
}

/** Rejects files of rows that the manifest does not list: they were added, or their entries removed. */
function assertAllListed(directory: string, { tables }: ExportManifest): void {
  const listed = new Set(tables.flatMap(({ files }) => files.map((file) => file.path)));
  const data = path.join(directory, "data");
  for (const name of existsSync(data) ? readdirSync(data, { recursive: true, encoding: "utf8" }) : []) {
    const file = path.join("data", name);
    if (file.endsWith(".ndjson.gz") && !listed.has(file)) fail(file, "is not in the manifest");
  }
}

async function verifyPackage(directory: string, manifest: ExportManifest, signal: AbortSignal): Promise<void> {
  const { sha256 } = await hashFile(path.join(directory, SCHEMA), signal);
  if (sha256 !== manifest.schema_sha256) fail(SCHEMA, "does not match the manifest");
  if (manifest.settings_sha256 !== undefined) {
    const settings = path.join(directory, SETTINGS);
    if (!existsSync(settings)) fail(SETTINGS, "is missing");
    if ((await hashFile(settings, signal)).sha256 !== manifest.settings_sha256)
      fail(SETTINGS, "does not match the manifest");
  }
  if (checksumOf(manifest) !== manifest.checksum) fail(MANIFEST, "its checksum does not match its contents");
  assertAllListed(directory, manifest);
  for (const { files, table, rows } of manifest.tables) {
    if (files.reduce((sum, file) => sum + file.rows, 0) !== rows)
      fail(MANIFEST, `the files of ${table} do not hold ${plural(rows, "row")}`);
    if (manifest.data_counts[table] !== rows)
      fail(MANIFEST, `counts ${plural(manifest.data_counts[table] ?? 0, "row")} of ${table}, but lists ${rows}`);
    for (const file of files) await verifyFile(directory, file, signal);
  }
  for (const blob of manifest.blobs ?? [])
    await verifyFile(directory, { ...blob, path: blobPath(blob.sha256) }, signal);
}

async function verifyFile(
  directory: string,
  file: { readonly path: string; readonly size_bytes: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<void> {
  const absolute = path.join(directory, file.path);
  if (!existsSync(absolute)) fail(file.path, "is missing");
  if (!lstatSync(absolute).isFile()) fail(file.path, "is not a regular file");
  if (statSync(absolute).size !== file.size_bytes)
    fail(file.path, `has ${statSync(absolute).size} bytes; the manifest says ${file.size_bytes}`);
  if ((await hashFile(absolute, signal)).sha256 !== file.sha256) fail(file.path, "does not match the manifest");
}

/**
 * Reads the rows of a table, in order, some hundreds at a time. Throws `E_PACKAGE` if a file does not match its
 * description.
 */
export async function* readRows(from: ExportReader, table: string, signal: AbortSignal): AsyncGenerator<ReadRow[]> {
  const entry = from.manifest.tables.find((one) => one.table === table);
  const header = from.tables.find((one) => one.table === table);
  for (const { path: file, rows } of entry?.files ?? [])
    yield* readFile(from.directory, file, { rows, header, signal });
}

/**
 * Returns the tag of a large value in a row. Throws `E_PACKAGE` if the export does not contain the value; `where` names
 * the row.
 */
export function largeIn({ directory, manifest }: ExportReader, cell: LargeTag, where: string): LargeTag {
  const tag = readTag(cell);
  const entry = manifest.blobs?.find(({ sha256 }) => sha256 === tag?.sha256);
  if (tag === undefined || entry?.size_bytes !== tag.bytes)
    return fail(where, "refers to a large value that the manifest does not list");
  const file = blobPath(tag.sha256);
  if (statSync(path.join(directory, file), { throwIfNoEntry: false })?.size !== tag.bytes)
    fail(file, "is missing, or differs in size from the manifest");
  return tag;
}

/** The bytes read between two garbage collections, and those for which a row counts besides its text. */
const COLLECT_EVERY = 16 * 1024 * 1024;
const ROW_BYTES = 100;

interface Expected {
  readonly rows: number;
  readonly header: ExportedTable | undefined;
  readonly signal: AbortSignal;
}

async function* readFile(
  directory: string,
  file: string,
  { rows, header, signal }: Expected,
): AsyncGenerator<ReadRow[]> {
  const hash = createHash("sha256");
  const pass = collectEvery(COLLECT_EVERY);
  let line = 0;
  let end: string | undefined;
  try {
    for await (const piece of readLines(path.join(directory, file))) {
      signal.throwIfAborted();
      if (piece.isLast) {
        end = piece.text;
        continue;
      }
      hash.update(piece.bytes);
      const batch: ReadRow[] = [];
      for (const text of piece.text.split("\n")) {
        line++;
        if (line === 1) checkHeader(text, header, file);
        else batch.push({ cells: parseRow(text, file, line), file, line });
      }
      yield batch;
      pass(piece.bytes.length + ROW_BYTES * batch.length);
    }
  } catch (error) {
    if (signal.aborted || error instanceof HoldfastError) throw error;
    fail(file, "cannot be unpacked: it is damaged or truncated");
  }
  const count = Math.max(0, line - 1);
  const trailer = parse(end ?? "", trailerSchema, file, line + 1);
  if (trailer.rows !== count || count !== rows) fail(file, `has ${plural(count, "row")}, expected ${rows}`);
  if (trailer.sha256 !== hash.digest("hex")) fail(file, "its lines do not match the digest in its last line");
}

function checkHeader(text: string, header: ExportedTable | undefined, file: string): void {
  const own = parse(text, tableSchema, file, 1);
  if (JSON.stringify(own) !== JSON.stringify(header)) fail(file, "its header does not match schema.json");
}

function parseRow(text: string, file: string, line: number): readonly JsonCell[] {
  let value: unknown;
  try {
    value = text.length < SHORT ? JSON.parse(text) : parseJson(text, ROW);
  } catch {
    return fail(file, `line ${line} is not valid JSON: the file is truncated or was changed`);
  }
  return isRow(value) ? value : fail(file, `line ${line} is not a row`);
}

/** The limits of a row: JSON as deep as any engine accepts, without a stack overflow. */
const ROW = { depth: 2000, containers: 4_000_000 };
/** A line of fewer characters cannot exceed them. */
const SHORT = 2 * ROW.depth;

const isRow = (value: unknown): value is readonly JsonCell[] => Array.isArray(value);

function parse<T>(text: string, schema: z.ZodType<T>, file: string, line: number): T {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return fail(file, `line ${line} is not valid JSON: the file is truncated or was changed`);
  }
  const found = schema.safeParse(value);
  return found.success ? found.data : fail(file, `line ${line} does not have the expected form`);
}

function readJson<T>(file: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readRegular(file, DOCUMENT.bytes, "E_PACKAGE").toString("utf8");
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("E_PACKAGE", `${file} cannot be read: the export is invalid or incomplete`, {
      cause: error,
    });
  }
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return fail(path.basename(file), "is not valid JSON: it is truncated or was changed");
  }
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  return fail(path.basename(file), `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is malformed"}`);
}

function fail(file: string, what: string): never {
  throw new HoldfastError("E_PACKAGE", `${file}: ${what}`);
}

/**
 * Returns the export with only some of its tables. Throws `E_USAGE` for unknown tables, except those that the config
 * excludes.
 */
export function selectTables(
  from: ExportReader,
  models: readonly string[],
  exclude: readonly string[],
  ignored: readonly string[] = [],
): ExportReader {
  const names = from.tables.map(({ table }) => table);
  const wanted = new Set(models.flatMap((model) => namesOf(names, model)));
  const unwanted = new Set([
    ...exclude.flatMap((model) => namesOf(names, model)),
    ...ignored.flatMap((model) => meant(names, model)),
  ]);
  const stays = (table: string): boolean => (models.length === 0 || wanted.has(table)) && !unwanted.has(table);
  return { ...from, tables: from.tables.filter(({ table }) => stays(table)) };
}

const meant = (tables: readonly string[], wanted: string): string[] =>
  tablesMeant(
    tables.map((id) => ({ id, name: id.slice(id.lastIndexOf(".") + 1) })),
    wanted,
  ).map(({ id }) => id);

function namesOf(tables: readonly string[], wanted: string): string[] {
  const names = meant(tables, wanted);
  if (names.length > 0) return names;
  throw new HoldfastError("E_USAGE", `the export has no table ${wanted}`, {
    hint: `it has ${tables.slice(0, 8).join(", ")}${tables.length > 8 ? " …" : ""}`,
  });
}
