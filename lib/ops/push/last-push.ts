/** The time of the last successful push to a target: `targets/<name>/pushed.json` of the store. */
import { readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { tryReadDocument, writeDocumentAtomic } from "../../store/files/json-documents.ts";

const pushedSchema = z.object({ format_version: z.string(), address: z.string(), at: z.iso.datetime() });

const pushedFile = (store: string, target: string): string => path.join(store, "targets", target, "pushed.json");

export async function recordPush(store: string, target: string, address: string): Promise<void> {
  const document = { format_version: FORMAT_VERSION, address, at: new Date().toISOString() };
  await writeDocumentAtomic(pushedFile(store, target), document);
}

/** Returns when a push to each target last succeeded. */
export function lastPushes(store: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const target of targetsIn(store)) {
    const pushed = tryReadDocument(pushedFile(store, target), pushedSchema);
    if (pushed !== undefined) found.set(target, pushed.at);
  }
  return found;
}

function targetsIn(store: string): string[] {
  try {
    return readdirSync(path.join(store, "targets"));
  } catch {
    return []; // nothing was pushed yet
  }
}
