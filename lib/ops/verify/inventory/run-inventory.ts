/**
 * Collects the files of a run as `lstat` reports them, its documents, and a short record of each unit, for all checks.
 * Documents are read one at a time, and no artifact is opened.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import * as z from "zod";
import { display } from "../../../archive/path.ts";
import { HoldfastError } from "../../../errors.ts";
import { manifestHeadSchema, projectListSchema, stepSummarySchema } from "../../../model/run.ts";
import {
  failuresSchema,
  indexEntrySchema,
  metadataSchema,
  STEP_NAMES,
  type Artifact,
  type Failure,
  type IndexEntry,
  type StepName,
  type UnitMetadata,
} from "../../../model/unit.ts";
import { storeError } from "../../../store/files/atomic.ts";
import { readDocument, assertKnownVersion } from "../../../store/files/json-documents.ts";
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import type { Store } from "../../../store/open.ts";
import { indexEntries, listMetadata } from "../../../store/run/step-index.ts";
import { readSums } from "../../../store/run/checksums.ts";
import { streamManifest, type ManifestList } from "./manifest-stream.ts";
import type { Problem } from "../../checks/check.ts";

export interface FoundFile {
  readonly isFile: boolean;
  readonly size: number;
}

/** A unit as its metadata describe it; the metadata themselves are read again where more is needed. */
export interface UnitRecord {
  /** Path of its metadata.json, relative to the run. */
  readonly file: string;
  readonly step: StepName;
  readonly unit: string;
  /** The project's id as text; absent for a unit without a project. */
  readonly project?: string;
  readonly builtIn: string;
  readonly artifacts: readonly Artifact[];
  readonly size: number;
  readonly sha256: string | null;
}

/** A line of an index, or a unit's metadata, in short form: its subject, and a digest of its content. */
export interface Said {
  readonly of: string;
  readonly digest: string;
}

export type Lists = Readonly<Record<ManifestList, Said[]>>;

const manifestRestSchema = manifestHeadSchema.extend({
  steps: z.record(z.string(), stepSummarySchema),
  failures: failuresSchema,
});

export type ManifestRest = z.infer<typeof manifestRestSchema>;

export interface RunInventory {
  readonly store: Store;
  readonly run: string;
  readonly directory: string;
  /** The files of the run without its directories, by path; escaped for display if it is not UTF-8. */
  readonly files: ReadonlyMap<string, FoundFile>;
  /** Undefined if SHA256SUMS is missing or malformed. */
  readonly sums: ReadonlyMap<string, string> | undefined;
  /** Undefined if the manifest is missing or damaged. */
  readonly manifest: ManifestRest | undefined;
  /** The steps of the manifest, and those that have a directory. */
  readonly steps: readonly StepName[];
  readonly units: readonly UnitRecord[];
  /** The metadata of each step, and the lines that its index and the manifest should have for them. */
  readonly expected: ReadonlyMap<StepName, Lists>;
  /** The lists of the manifest. */
  readonly listed: ReadonlyMap<string, Lists>;
  /** The ids of projects.json with their titles; undefined if it is missing or damaged. */
  readonly projects: ReadonlyMap<string, string> | undefined;
  /** The format versions of the documents, each with one document that has it. */
  readonly versions: ReadonlyMap<string, string>;
  /** Documents that are unreadable or malformed. */
  readonly damaged: readonly Problem[];
}

/** The number of metadata files read without a pause. */
const UNITS_AT_ONCE = 100;

/**
 * Reads a run's documents and records damaged ones. Throws `E_VERSION` for a newer format, `E_STORE` for an unreadable
 * directory.
 */
export async function takeInventory(
  store: Store,
  run: string,
  directory: string,
  signal: AbortSignal,
): Promise<RunInventory> {
  const damaged: Problem[] = [];
  const read = <T>(file: string, schema: z.ZodType<T>): T | undefined => tryRead(directory, file, schema, damaged);
  const files = look(directory);
  const listed = new Map<string, Lists>();
  const manifest = await readManifestRest(directory, listed, damaged, signal);
  const versions = new Map<string, string>();
  if (manifest !== undefined) versions.set(manifest.format_version, MANIFEST_FILE);
  const steps = STEP_NAMES.filter(
    (step) => manifest?.steps[step] !== undefined || [...files.keys()].some((file) => file.startsWith(`${step}/`)),
  );
  const units: UnitRecord[] = [];
  const expected = new Map<StepName, Lists>();
  for (const step of steps) {
    const lists: Lists = { index: [], metadata: [] };
    expected.set(step, lists);
    for (const file of metadataFiles(directory, step)) {
      if (units.length % UNITS_AT_ONCE === 0) await setImmediate(); // lets an abort through
      signal.throwIfAborted();
      const metadata = read(file, metadataSchema);
      if (metadata === undefined) continue;
      units.push(recordOf(file, step, metadata));
      versions.set(metadata.format_version, file);
      lists.metadata.push(sayMetadata(metadata));
      lists.index.push(...indexEntries(metadata).map(sayEntry));
    }
  }
  const projects = files.has("projects.json") ? read("projects.json", projectListSchema) : undefined;
  return {
    store,
    run,
    directory,
    files,
    sums: readSums(directory),
    manifest,
    steps,
    units,
    expected,
    listed,
    projects:
      projects === undefined
        ? undefined
        : new Map(projects.projects.map((project) => [String(project.id), titleOf(project)])),
    versions,
    damaged,
  };
}

/**
 * Reads a document of a run; undefined, and recorded in `damaged`, if it is invalid. Throws `E_VERSION` for a newer
 * format.
 */
export function tryRead<T>(directory: string, file: string, schema: z.ZodType<T>, damaged: Problem[]): T | undefined {
  const full = path.join(directory, file);
  try {
    return readDocument(full, schema);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "E_VERSION") throw error;
    damaged.push({ path: file, message: error.message.replace(`${full} `, "") });
    return undefined;
  }
}

/** Reads the failures that a document of the run lists; undefined, and recorded in `damaged`, if it is invalid. */
export const readFailureList = (directory: string, file: string, damaged: Problem[]): Failure[] | undefined =>
  tryRead(directory, file, failuresSchema, damaged);

/** Returns the short form of an index line. */
export const sayEntry = (entry: IndexEntry): Said => ({
  of: `${entry.path} (${entry.project_id ?? entry.name ?? entry.part ?? ""})`,
  digest: digestOf(entry),
});

const sayMetadata = (metadata: UnitMetadata): Said => ({
  of: `${metadata.step}/${metadata.unit}`,
  digest: digestOf(metadata),
});

/** Returns a digest of a value that does not depend on the order of keys. */
export const digestOf = (value: unknown): string => createHash("sha256").update(canonical(value)).digest("base64");

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join()}}`;
}

function recordOf(file: string, step: StepName, metadata: UnitMetadata): UnitRecord {
  return {
    file,
    step,
    unit: metadata.unit,
    ...(metadata.project === undefined ? {} : { project: String(metadata.project.id) }),
    builtIn: metadata.built_in,
    artifacts: metadata.artifacts,
    size: metadata.size_bytes,
    sha256: metadata.sha256,
  };
}

async function readManifestRest(
  directory: string,
  listed: Map<string, Lists>,
  damaged: Problem[],
  signal: AbortSignal,
): Promise<ManifestRest | undefined> {
  const take = (step: string, list: ManifestList, item: unknown): void => {
    const lists: Lists = listed.get(step) ?? { index: [], metadata: [] };
    listed.set(step, lists);
    if (list === "index") lists.index.push(sayEntry(indexEntrySchema.parse(item)));
    else lists.metadata.push(sayMetadata(metadataSchema.parse(item)));
  };
  const file = path.join(directory, MANIFEST_FILE);
  try {
    const rest = await streamManifest(file, take, signal);
    assertKnownVersion(file, rest);
    return manifestRestSchema.parse(rest);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError && error.code === "E_VERSION") throw error;
    listed.clear();
    damaged.push({
      path: MANIFEST_FILE,
      message: lstatSync(file, { throwIfNoEntry: false }) === undefined ? "is missing" : "cannot be read as a manifest",
    });
    return undefined;
  }
}

function metadataFiles(directory: string, step: StepName): string[] {
  try {
    return listMetadata(directory, step);
  } catch {
    return []; // no directory of that name: the indexes check reports it
  }
}

const titleOf = (project: Readonly<Record<string, unknown>>): string =>
  [project["title"], project["internal_id"], project["name"]]
    .find((name) => typeof name === "string" && name !== "")
    ?.toString() ?? "";

function look(directory: string): Map<string, FoundFile> {
  try {
    return listEverything(directory);
  } catch (error) {
    throw storeError(`${directory} cannot be read`, error);
  }
}

function listEverything(directory: string): Map<string, FoundFile> {
  const found = new Map<string, FoundFile>();
  const visit = (at: Buffer, name: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true, encoding: "buffer" })) {
      const inner = Buffer.concat([at, Buffer.from("/"), entry.name]);
      const shown = name + nameOf(entry.name);
      if (entry.isDirectory()) visit(inner, `${shown}/`);
      else found.set(shown, { isFile: entry.isFile(), size: lstatSync(inner).size });
    }
  };
  visit(Buffer.from(directory), "");
  return found;
}

/** Decodes a file name. A run holds only UTF-8 names, but an intruder may add others. */
function nameOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : display(bytes.toString("latin1"));
}
