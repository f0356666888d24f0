/**
 * Files that a database names: asked when it is dumped, in the dump's own snapshot, and kept beside the dump's
 * metadata.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { assertListReadable } from "../../archive/limits.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { ReferenceSettings } from "../../config/schema.ts";
import type { DatabaseSnapshot } from "../../database/snapshot.ts";
import { openSnapshot } from "../../database/engines/open.ts";
import { HoldfastError } from "../../errors.ts";

/** The record of a reference in the metadata of a dump. */
export const referenceRecordSchema = z.object({
  name: z.string(),
  /** Relative to the site's root. */
  root: z.string(),
  optional: z.array(z.string()),
  /** The list of paths, each ended by a NUL, relative to the run; null when the database could not be asked. */
  list: z.string().nullable(),
  paths: z.number().int(),
});
export type ReferenceRecord = z.infer<typeof referenceRecordSchema>;

/** The units of the databases, the first one first. */
export interface ReferenceTarget {
  readonly unit: string;
  readonly units: readonly string[];
}

/** The references that are kept with this database: its own, and with the first one those of other SQLite files. */
export const referencesOf = (config: SiteConfig, { unit, units }: ReferenceTarget): ReferenceSettings[] =>
  config.references.filter(({ database }) =>
    database !== undefined && units.includes(database) ? database === unit : units[0] === unit,
  );

export interface CaptureRequest {
  readonly config: SiteConfig;
  readonly target: ReferenceTarget;
  readonly snapshot: DatabaseSnapshot;
  /** The directory of the run's lists, and the unit's directory in it. */
  readonly run: string;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Hears why a reference could not be asked: the dump is worth having all the same. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** Asks each reference and writes its list. */
export async function captureReferences(request: CaptureRequest): Promise<ReferenceRecord[]> {
  const { config, target, run, directory, signal, onFailure } = request;
  const records: ReferenceRecord[] = [];
  for (const settings of referencesOf(config, target)) {
    const { name, root, optional } = settings;
    try {
      const paths = await ask(request, settings);
      const list = `${directory}/references_${name}.list`;
      const text = paths.map((one) => `${one}\0`).join("");
      assertListReadable(list, Buffer.byteLength(text));
      mkdirSync(path.join(run, directory), { recursive: true, mode: 0o700 });
      writeFileSync(path.join(run, list), text);
      records.push({ name, root, optional, list, paths: paths.length });
    } catch (error) {
      signal.throwIfAborted();
      onFailure(name, error);
      records.push({ name, root, optional, list: null, paths: 0 });
    }
  }
  return records;
}

async function ask(
  { config, target, snapshot, signal }: CaptureRequest,
  settings: ReferenceSettings,
): Promise<string[]> {
  const { database } = settings;
  if (database === undefined || target.units.includes(database)) return await pathsOf(snapshot, settings);
  const other = await openSnapshot({ url: `sqlite:///${database}`, execPrefix: [], root: config.root }, signal);
  try {
    return await pathsOf(other, settings);
  } finally {
    await other.close();
  }
}

/** Each path once, sorted; rows without one name no file. */
async function pathsOf(snapshot: DatabaseSnapshot, { name, query }: ReferenceSettings): Promise<string[]> {
  const rows = await snapshot.query(query);
  const found = new Set<string>();
  for (const row of rows) {
    if (!Object.hasOwn(row, "path"))
      throw new HoldfastError("E_DATABASE", `references.${name}: the query returns no column path`, {
        hint: "write: select … as path",
      });
    const said = row["path"];
    if ((typeof said === "string" && said !== "") || typeof said === "number") found.add(`${said}`);
  }
  return [...found].toSorted();
}
