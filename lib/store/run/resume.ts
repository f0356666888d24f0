/** Prepares the staging directory of an interrupted run: only whole units of its steps and its log stay. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { systemCode } from "../../errors.ts";
import { metadataSchema, type StepName } from "../../model/unit.ts";
import { readDocument, tryReadDocument } from "../files/json-documents.ts";
import { listMetadata, unitFiles } from "./step-index.ts";
import { listFiles } from "./checksums.ts";

/** The log of a run; a resumed run appends to it. */
export const LOG_FILE = "run.log";

/** Removes other steps, unfinished units, and documents that will be written again. */
export function tidyStaging(staging: string, steps: readonly StepName[]): void {
  const own = new Set<string>([LOG_FILE, ...steps]);
  for (const name of readdirSync(staging)) {
    if (!own.has(name)) removeTree(fromString(path.join(staging, name)));
  }
  for (const step of steps) tidyStep(staging, step);
}

/** Removes the files of a step that belong to no finished unit. */
export function tidyStep(staging: string, step: StepName): void {
  const directory = path.join(staging, step);
  if (!existsSync(directory)) return;
  const kept = new Set<string>();
  for (const file of listMetadata(staging, step)) {
    const metadata = tryReadDocument(path.join(staging, file), metadataSchema);
    if (metadata !== undefined) for (const one of [file, ...unitFiles(metadata)]) kept.add(one);
  }
  for (const file of listFiles(directory).map((one) => `${step}/${one}`)) {
    if (!kept.has(file)) rmSync(path.join(staging, file));
  }
  removeEmpty(directory);
}

/** Removes the units of a step with directories that are not in `finished`: this run did not select them. */
export function dropUnits(staging: string, step: StepName, finished: ReadonlySet<string>): void {
  for (const file of listMetadata(staging, step)) {
    if (finished.has(path.dirname(file))) continue;
    for (const one of [...unitFiles(readDocument(path.join(staging, file), metadataSchema)), file]) {
      rmSync(path.join(staging, one), { force: true });
    }
    removeEmpty(path.join(staging, path.dirname(file)));
  }
}

/** Removes directories that hold no file, the given one too. */
function removeEmpty(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeEmpty(path.join(directory, entry.name));
    }
    rmdirSync(directory);
  } catch (error) {
    if (!["ENOTEMPTY", "ENOENT"].includes(systemCode(error) ?? "")) throw error;
  }
}
