/** Writes `manifest.json` as a stream: the metadata of all units, all indexes and all failures of a run. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { manifestHeadSchema, type ManifestHead, type StepSummary } from "../../model/run.ts";
import { failuresSchema, type Failure, type IndexEntry, type StepName } from "../../model/unit.ts";
import { DOCUMENT, parseJson } from "../../archive/limits.ts";
import { openRegular, readRegular } from "../../archive/files/regular-file.ts";
import { formatJson, readDocument, readJson, assertKnownVersion } from "../files/json-documents.ts";

export const MANIFEST_FILE = "manifest.json";

/** Bytes of a manifest that are read for its head. */
const HEAD_BYTES = 64 * 1024;

/** A step as the manifest lists it. */
export interface ListedStep {
  readonly step: StepName;
  readonly summary: StepSummary;
  readonly index: readonly IndexEntry[];
  /** The directories of its units. */
  readonly units: readonly string[];
}

/** Writes the manifest of the run in `directory`, with the metadata of one unit in memory at a time. */
export function writeManifest(
  directory: string,
  head: ManifestHead,
  steps: readonly ListedStep[],
  tail: {
    readonly failures: readonly Failure[];
    readonly uncovered: readonly string[];
    readonly warnings: readonly string[];
  },
): void {
  const file = openSync(path.join(directory, MANIFEST_FILE), "wx");
  const write = (text: string): void => void writeSync(file, text);
  try {
    write("{\n");
    for (const [key, value] of Object.entries(head)) write(`  ${JSON.stringify(key)}: ${indented(value, 1)},\n`);
    write('  "steps": {');
    let firstStep = true;
    for (const { step, summary, index, units } of steps) {
      write(`${firstStep ? "" : ","}\n    ${JSON.stringify(step)}: {\n`);
      firstStep = false;
      for (const [key, value] of Object.entries(summary))
        write(`      ${JSON.stringify(key)}: ${indented(value, 3)},\n`);
      writeList(write, "index", index.map(formatJson));
      write(",\n");
      writeList(write, "metadata", metadataTexts(directory, units));
      write("\n    }");
    }
    write("\n  },\n");
    write(
      Object.entries(tail)
        .map(([key, value]) => `  ${JSON.stringify(key)}: ${indented(value, 1)}`)
        .join(",\n"),
    );
    write("\n}\n");
  } finally {
    closeSync(file);
  }
}

/** Yields the documents as they are: they were written, or checked and linked, by this run. */
function* metadataTexts(directory: string, units: readonly string[]): Generator<string> {
  for (const unit of units)
    yield readRegular(path.join(directory, unit, "metadata.json"), DOCUMENT.bytes, "E_IO").toString("utf8");
}

function writeList(write: (text: string) => void, key: string, items: Iterable<string>): void {
  write(`      ${JSON.stringify(key)}: [`);
  let first = true;
  for (const item of items) {
    write(`${first ? "" : ","}\n        ${shifted(item.trimEnd(), 4)}`);
    first = false;
  }
  write(first ? "]" : "\n      ]");
}

const indented = (value: unknown, depth: number): string => shifted(JSON.stringify(value, null, 2), depth);

const shifted = (text: string, depth: number): string => text.replaceAll("\n", `\n${"  ".repeat(depth)}`);

/** Reads the head of a manifest, the keys before its steps: their order is fixed. Throws `E_VERIFY` or `E_VERSION`. */
export function readManifestHead(run: string): ManifestHead {
  const file = path.join(run, MANIFEST_FILE);
  const text = readStart(file);
  const end = text.indexOf('\n  "steps": {');
  if (end === -1) return readDocument(file, manifestHeadSchema);
  try {
    const head = parseJson(`${text.slice(0, end).replace(/,\s*$/, "")}}`);
    assertKnownVersion(file, head);
    return manifestHeadSchema.parse(head);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("E_VERIFY", `${file} does not begin like a manifest`, { cause: error });
  }
}

function readStart(file: string): string {
  try {
    const descriptor = openRegular(file, "E_VERIFY");
    try {
      const buffer = Buffer.alloc(HEAD_BYTES);
      return buffer.toString("utf8", 0, readSync(descriptor, buffer, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new HoldfastError("E_VERIFY", `${file} cannot be read`, { cause: error });
  }
}

/** Reads the failures that a step recorded; none for a step that died earlier. */
export function readFailures(run: string, step: StepName): Failure[] {
  const file = path.join(run, step, "failures.json");
  try {
    return failuresSchema.parse(readJson(file));
  } catch (error) {
    throw new HoldfastError("E_VERIFY", `${file} cannot be read`, { cause: error });
  }
}
