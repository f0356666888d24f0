/** Reads one file of a run to its end: its digest, or what is in it. */
import { verifyTgz } from "../../archive/tar/tgz-reader.ts";
import { verifyZip } from "../../archive/zip/reader.ts";
import { hashFile } from "../../store/files/hash.ts";
import { ListComparison } from "./compare-entry-list.ts";

export interface DigestTask {
  readonly kind: "digest";
  readonly file: string;
}

export interface ArchiveTask {
  readonly kind: "zip" | "tgz";
  readonly file: string;
  /** The list that a shard is held against, and what it is called. */
  readonly list?: { readonly file: string; readonly name: string } | undefined;
}

export interface DigestResult {
  readonly size: number;
  readonly sha256: string;
}

export interface ArchiveResult {
  readonly entries: number;
  /** Unpacked. */
  readonly bytes: number;
  /** What is not as the list has it. */
  readonly said: readonly string[];
}

export const readDigest = async ({ file }: DigestTask, signal: AbortSignal): Promise<DigestResult> =>
  await hashFile(file, signal);

/** Throws `E_ARCHIVE`. */
export async function readArchive({ kind, file, list }: ArchiveTask, signal: AbortSignal): Promise<ArchiveResult> {
  if (kind === "zip") return { ...(await verifyZip(file, signal)), said: [] };
  if (list === undefined) return { ...(await verifyTgz(file, undefined, signal)), said: [] };
  const said: string[] = [];
  const compared = new ListComparison(list.file, list.name, (message) => void said.push(message));
  const found = await verifyTgz(file, (entry) => compared.take(entry), signal);
  compared.end();
  return { ...found, said };
}
