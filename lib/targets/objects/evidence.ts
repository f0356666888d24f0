/** Copies evidence to a target: what was sent of it before is in `targets/<name>/evidence.json` of the store. */
import path from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { tryReadDocument, writeDocumentAtomic } from "../../store/files/json-documents.ts";
import { fileContent } from "../core/content.ts";
import type { LocalFile } from "../core/local-run.ts";
import { EVIDENCE_PREFIX, evidenceKey } from "./keys.ts";
import { listed, type Layout } from "./layout.ts";

const sentSchema = z.object({
  format_version: z.string(),
  address: z.string(),
  /** Digests by path. */
  sent: z.record(z.string(), z.string()),
});

/** Sends files that were not sent with this content. */
export async function sendEvidence(files: readonly LocalFile[], { name, objects, context }: Layout): Promise<void> {
  const file = path.join(context.store, "targets", name, "evidence.json");
  const before = tryReadDocument(file, sentSchema);
  const sent = new Map(Object.entries(before?.address === objects.address ? before.sent : {}));
  const changed = files.filter((one) => sent.get(one.path) !== one.sha256);
  if (changed.length === 0) return;
  for (const one of changed) {
    await objects.put(evidenceKey(one.path), fileContent(one), { create: false });
    sent.set(one.path, one.sha256);
  }
  const document = { format_version: FORMAT_VERSION, address: objects.address, sent: Object.fromEntries(sent) };
  await writeDocumentAtomic(file, document);
}

export const listEvidence = async (layout: Layout): Promise<string[]> =>
  [...(await listed(layout, EVIDENCE_PREFIX)).keys()].map((key) => key.slice(EVIDENCE_PREFIX.length)).toSorted();

export const readEvidence = async ({ objects }: Layout, file: string): Promise<Readable> =>
  await objects.get(evidenceKey(file));
