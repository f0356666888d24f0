/** Reads and writes SHA256SUMS: a line for every other file of a run but its signature, in the form that `sha256sum -c` reads. */
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MOST_LIST, assertListReadable } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import { hashFile } from "../files/hash.ts";

export const SUMS_FILE = "SHA256SUMS";
/** The signature of SHA256SUMS, in runs that are signed. */
export const SIGNATURE_FILE = `${SUMS_FILE}.sig`;

/** Checks whether SHA256SUMS lists a file of a run: all but itself and its signature. */
export const isSummed = (file: string): boolean => file !== SUMS_FILE && file !== SIGNATURE_FILE;

/** Checks whether a name, which may come from elsewhere, is the path of a file below the directory of a run. */
export const isRunPath = (name: string): boolean =>
  !name.includes("\0") && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/** Lists every file and link below `directory`, relative to it, sorted by byte. */
export function listFiles(directory: string): string[] {
  const found: string[] = [];
  const visit = (relative: string): void => {
    for (const entry of readdirSync(path.join(directory, relative), { withFileTypes: true })) {
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) visit(name);
      else found.push(name);
    }
  };
  visit("");
  return found.toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * Writes SHA256SUMS for a run. `known` has digests of files that were just written; the others, all small, are read.
 */
export async function writeSums(run: string, known: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for (const file of listFiles(run)) {
    if (!isSummed(file)) continue;
    lines.push(`${known.get(file) ?? (await hashFile(path.join(run, file), signal)).sha256}  ${file}\n`);
  }
  const text = lines.join("");
  assertListReadable(SUMS_FILE, Buffer.byteLength(text));
  writeFileSync(path.join(run, SUMS_FILE), text);
}

/** Returns the digests of a run by file; undefined if its SHA256SUMS is missing or malformed. */
export function readSums(run: string): Map<string, string> | undefined {
  let text: string;
  try {
    text = readRegular(path.join(run, SUMS_FILE), MOST_LIST, "E_VERIFY").toString("utf8");
  } catch {
    return undefined;
  }
  return parseSums(text);
}

/** Returns the digests by file of the text of a SHA256SUMS; undefined if it is malformed. */
export function parseSums(text: string): Map<string, string> | undefined {
  if (!text.endsWith("\n")) return undefined;
  const sums = new Map<string, string>();
  // Not by `split`: a hostile file of empty lines would take sixteen times its size.
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf("\n", start);
    const line = text.slice(start, end);
    if (line === "") continue;
    const [, sha256, file] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sha256 === undefined || file === undefined || sums.has(file)) return undefined;
    sums.set(file, sha256);
  }
  return sums;
}
