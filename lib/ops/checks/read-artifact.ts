/** Reads one file of a run to its end, and returns its digest or its entries. */
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
  /** The list to compare a shard with, and its name for messages. */
  readonly list?: { readonly file: string; readonly name: string } | undefined;
}

export interface DigestResult {
  readonly size: number;
  readonly sha256: string;
}

export interface ArchiveResult {
  readonly entries: number;
  /** Size when unpacked. */
  readonly bytes: number;
  /** Differences from the list. */
  readonly said: readonly string[];
}

export const readDigest = async ({ file }: DigestTask, signal: AbortSignal): Promise<DigestResult> =>
  await hashFile(file, signal);

/** Reads an archive to its end. Throws `E_ARCHIVE`. */
export async function readArchive({ kind, file, list }: ArchiveTask, signal: AbortSignal): Promise<ArchiveResult> {
  if (kind === "zip") return { ...(await verifyZip(file, signal)), said: [] };
  if (list === undefined) return { ...(await verifyTgz(file, undefined, signal)), said: [] };
  const said: string[] = [];
  const compared = new ListComparison(list.file, list.name, (message) => void said.push(message));
  const found = await verifyTgz(file, (entry) => compared.take(entry), signal);
  compared.end();
  return { ...found, said };
}
