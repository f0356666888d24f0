/** Reads which runs were proved to restore: by a drill, or by a deep verification of all of them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { isRunId, runDirectory } from "../../store/files/layout.ts";
import { hashFile } from "../../store/files/hash.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import { stateDirectory } from "../../store/known-stores.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";

export interface Proof {
  readonly run: string;
  readonly kind: "drill" | "verify";
  readonly finished_at: string;
  /** How long the restore took; null for a verification. */
  readonly rto_ms: number | null;
}

/** Evidence that proves its run. */
const provingSchema = z.union([
  z.object({
    format: z.literal("holdfast-drill"),
    run: z.string(),
    ok: z.literal(true),
    sums_sha256: z.string(),
    finished_at: z.iso.datetime(),
    rto_ms: z.number(),
  }),
  z.object({
    format: z.literal("holdfast-verify"),
    run: z.string(),
    ok: z.literal(true),
    deep: z.literal(true),
    sample: z.null(),
    sums_sha256: z.string(),
    finished_at: z.iso.datetime(),
  }),
]);

const EVIDENCE = /^(?:drill|verify)-(\d{8}T\d{9}Z)\.json$/;

/**
 * Yields the proofs of a store's runs, the newest first. Evidence proves the run whose SHA256SUMS it names; what is
 * damaged, or of a run that has gone, proves nothing.
 */
export async function* proofsOf(store: string, signal: AbortSignal): AsyncGenerator<Proof> {
  const sums = new Map<string, string | undefined>();
  for (const { file, run } of evidenceFiles(store)) {
    const found = tryReadDocument(file, provingSchema);
    if (found === undefined || found.run !== run) continue;
    if (!sums.has(run)) sums.set(run, await sumsDigest(store, run, signal));
    if (found.sums_sha256 !== sums.get(run)) continue;
    const { finished_at } = found;
    if (found.format === "holdfast-drill") yield { run, kind: "drill", finished_at, rto_ms: found.rto_ms };
    else yield { run, kind: "verify", finished_at, rto_ms: null };
  }
}

async function sumsDigest(store: string, run: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal)).sha256;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Lists the evidence in the store and, of stores that cannot be written to, on this host; the newest first. */
function evidenceFiles(store: string): { file: string; run: string }[] {
  const files = [store, stateDirectory()].flatMap((place) => {
    const evidence = path.join(place, "evidence");
    return names(evidence)
      .filter(isRunId)
      .flatMap((run) =>
        names(path.join(evidence, run)).flatMap((name) => {
          const time = EVIDENCE.exec(name)?.[1];
          return time === undefined ? [] : [{ file: path.join(evidence, run, name), run, time }];
        }),
      );
  });
  return files.toSorted((a, b) => (a.time < b.time ? 1 : -1));
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // a store without evidence
  }
}
