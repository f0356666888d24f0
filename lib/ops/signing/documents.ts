/** Compares the documents of a run with its SHA256SUMS, before anything in them is believed. */
import path from "node:path";
import { asHoldfastError } from "../../errors.ts";
import { metadataSchema, STEP_NAMES } from "../../model/unit.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import { hashFile } from "../../store/files/hash.ts";
import { isSummed, listFiles, readSums, SUMS_FILE } from "../../store/run/checksums.ts";
import { listMetadata } from "../../store/run/step-index.ts";
import type { Problem } from "../checks/check.ts";

/**
 * Finds files of a run that are missing or were added, and documents that were altered. Artifacts, which may be large,
 * are not read: their digests in the metadata are compared with SHA256SUMS, and they are read where they are used.
 */
export async function findAltered(directory: string, signal: AbortSignal): Promise<Problem[]> {
  const sums = readSums(directory);
  if (sums === undefined) return [{ path: SUMS_FILE, message: "is missing or malformed" }];
  const files = new Set(listFiles(directory).filter(isSummed));
  const problems: Problem[] = [];
  for (const file of files) if (!sums.has(file)) problems.push({ path: file, message: "was added" });
  for (const file of sums.keys()) if (!files.has(file)) problems.push({ path: file, message: "is missing" });
  const compare = async (file: string): Promise<void> => {
    const found = await digestOf(path.join(directory, file), signal);
    if (found !== sums.get(file)) problems.push({ path: file, message: "is not what was recorded" });
  };
  const metadata = STEP_NAMES.flatMap((step) => listMetadata(directory, step)).filter((file) => sums.has(file));
  for (const file of metadata) await compare(file);
  const artifacts = new Set<string>();
  for (const file of metadata)
    for (const { path: artifact, sha256 } of tryReadDocument(path.join(directory, file), metadataSchema)?.artifacts ??
      []) {
      artifacts.add(artifact);
      if (sums.get(artifact) !== sha256)
        problems.push({ path: artifact, message: `SHA256SUMS and ${file} record different digests` });
    }
  const checked = new Set([...metadata, ...artifacts]);
  for (const file of sums.keys()) if (files.has(file) && !checked.has(file)) await compare(file);
  return problems;
}

async function digestOf(file: string, signal: AbortSignal): Promise<string> {
  try {
    return (await hashFile(file, signal)).sha256;
  } catch (error) {
    signal.throwIfAborted();
    return asHoldfastError(error).message;
  }
}
