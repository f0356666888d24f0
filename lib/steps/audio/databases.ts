/** The unit `orm_db`: consistent copies of the cache's live SQLite databases, and a description of each. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { FingerprintBuilder } from "../../archive/fingerprint.ts";
import { fromString } from "../../archive/path.ts";
import { lstatEntry } from "../../archive/tree/walk.ts";
import { captureSqlite, describeSqlite } from "../../database/sqlite/capture.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { Artifact, UnitInput } from "../../model/unit.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { placeOf } from "../../store/files/layout.ts";
import { describe, storeSealed } from "../../store/seal/store-file.ts";
import type { StepContext } from "../core/context.ts";
import type { BuiltUnit, UnitPlan } from "../core/unit-plan.ts";

export const ORM_DB = "orm_db";
const DIRECTORY = `audio_cache/${ORM_DB}`;

/** What copying the databases needs. */
export interface DatabasesRequest {
  readonly kind: "databases";
  /** Names of the copies, and the files. */
  readonly named: readonly (readonly [string, string])[];
  readonly input: UnitInput;
}

/** Plans the copies of `files` (absolute paths, all of them there). */
export function planDatabases(context: StepContext, files: readonly string[]): UnitPlan {
  const started = Date.now();
  const input = fingerprintOf(files).finish(started);
  const named = nameCopies(context.config.root, files);
  return {
    unit: ORM_DB,
    directory: DIRECTORY,
    trees: [...named].map(([name, file]) => ({ path: placeOf(context.config.root, file), prefix: name })),
    bytes: input.bytes,
    fingerprint: input.fingerprint,
    request: {
      kind: "databases",
      named: [...named],
      input: { ...input, content_digest: null },
    } satisfies DatabasesRequest,
  };
}

/** Each copy is called as its file; of two that are called the same, the second by its whole path. */
function nameCopies(root: string, files: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const file of files) {
    const name = path.basename(file);
    named.set(named.has(name) ? placeOf(root, file).replaceAll("/", "_") : name, file);
  }
  return named;
}

/** The database files and what a writer has not yet put into them. */
function fingerprintOf(files: readonly string[]): FingerprintBuilder {
  const builder = new FingerprintBuilder("orm_db 1");
  for (const file of files.flatMap((one) => [one, `${one}-wal`, `${one}-journal`])) {
    try {
      builder.add(lstatEntry(fromString(file), fromString(file)));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return builder;
}

/** Copies the databases and describes each. Throws `E_SQLITE` for one that is damaged. */
export async function copyDatabases(context: StepContext, { named, input }: DatabasesRequest): Promise<BuiltUnit> {
  const { seal, signal } = context;
  const target = seal === undefined ? path.join(context.directory, DIRECTORY) : path.join(context.copies, ORM_DB);
  mkdirSync(target, { recursive: true });
  const descriptions = new Map<string, unknown>();
  const warnings: string[] = [];
  for (const [name, file] of named) {
    const copy = path.join(target, name);
    await captureSqlite(file, copy, { signal });
    const description = await describeSqlite(copy);
    if (description.integrity !== "ok")
      throw new HoldfastError("E_SQLITE", `${file} is damaged: ${description.integrity.slice(0, 200)}`);
    descriptions.set(name, description);
    warnings.push(...description.unchecked.map((text) => `${name}: ${text}`));
  }
  writeFileSync(path.join(target, "db_metadata.json"), formatJson(Object.fromEntries(descriptions)), { flag: "wx" });
  const artifacts: Artifact[] = [];
  for (const name of [...named.map(([copy]) => copy), "db_metadata.json"]) {
    const media_type = name === "db_metadata.json" ? "application/json" : "application/vnd.sqlite3";
    const artifact = { file: path.join(target, name), path: `${DIRECTORY}/${name}`, media_type };
    artifacts.push(
      await (seal === undefined ? describe(artifact, signal) : storeSealed(context, seal, artifact, undefined)),
    );
  }
  return { artifacts, input, warnings, extra: { databases: Object.fromEntries(descriptions) } };
}
