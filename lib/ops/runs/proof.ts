/** Finds the proofs of runs: the evidence of drills and deep verifications of exactly their files. */
import path from "node:path";
import { isFuture } from "../../store/files/clock.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { hashFile } from "../../store/files/hash.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import type { Signing } from "../../config/settings/signing.ts";
import type { Evidence } from "../../model/evidence.ts";
import { readEvidence, runsWithEvidence, timeOfEvidence, type EvidenceFile } from "../checks/kept-evidence.ts";
import { documentCounts } from "../checks/signed-document.ts";

/**
 * Checks that a proof needs: everything was read, unpacked and compared, and every dump was loaded. The others need
 * counts, a config or a browser that a host may lack; a failed one of any kind is no proof.
 */
const REQUIRED = {
  drill: /^(?:run|checksums|unpack|load|trees)$/,
  verify: /^(?:checksums|archives_\w+|database_restore)$/,
} as const;

export interface ProofOptions {
  /** The signers whose signatures count; undefined if evidence needs none. */
  readonly signing: Signing | undefined;
  readonly signal: AbortSignal;
}

/**
 * Yields the evidence that proves a run, the newest first. A drill or verification that failed revokes what is older.
 * Evidence that is damaged, dated in the future or, where signers are known, not signed, counts for nothing.
 */
export async function* proofsOfRun(
  store: string,
  run: string,
  now: Date,
  options: ProofOptions,
): AsyncGenerator<Evidence, undefined> {
  yield* proving(store, readEvidence(store, run), now, options);
}

/** Yields the proofs of all runs of a store, the newest first. */
export async function* proofsOf(store: string, now: Date, options: ProofOptions): AsyncGenerator<Evidence, undefined> {
  const all = runsWithEvidence(store).flatMap((run) => readEvidence(store, run));
  yield* proving(store, all, now, options);
}

async function* proving(
  store: string,
  evidence: readonly EvidenceFile[],
  now: Date,
  { signing, signal }: ProofOptions,
): AsyncGenerator<Evidence, undefined> {
  const sums = new Map<string, string | undefined>();
  const revoked = new Set<string>();
  for (const { evidence: one, file } of evidence.toSorted(newestFirst)) {
    const { run, ok, sums_sha256 } = one;
    if (revoked.has(run) || isFuture(timeOfEvidence(one), now)) continue;
    if (!sums.has(run)) sums.set(run, await sumsDigest(store, run, signal));
    if (sums_sha256 !== sums.get(run) || (ok && !isWhole(one))) continue;
    if (!(await documentCounts(file, timeOfEvidence(one), signing, signal))) continue;
    if (ok) yield one;
    else revoked.add(run);
  }
  return undefined;
}

/** Returns the digest of a run's SHA256SUMS; undefined if the run is gone, or that cannot be read. */
async function sumsDigest(store: string, run: string, signal: AbortSignal): Promise<string | undefined> {
  const sums = await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal).catch(() => undefined);
  signal.throwIfAborted();
  return sums?.sha256;
}

const newestFirst = (a: EvidenceFile, b: EvidenceFile): number =>
  timeOfEvidence(b.evidence).getTime() - timeOfEvidence(a.evidence).getTime();

function isWhole(evidence: Evidence): boolean {
  if (evidence.format === "holdfast-drill") return !evidence.not_proved.some((id) => REQUIRED.drill.test(id));
  const { deep, quick, sample, not_proved } = evidence;
  return deep && !quick && sample === null && !not_proved.some((id) => REQUIRED.verify.test(id));
}
