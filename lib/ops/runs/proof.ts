/** Finds the proofs of runs: the evidence of drills and deep verifications of exactly their files. */
import path from "node:path";
import { isFuture } from "../../store/files/clock.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { hashFile } from "../../store/files/hash.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import type { Evidence } from "../../model/evidence.ts";
import { readEvidence, runsWithEvidence, timeOfEvidence } from "../checks/kept-evidence.ts";

/**
 * Checks that a proof needs: everything was read, unpacked and compared, and every dump was loaded. The others need
 * counts, a config or a browser that a host may lack; a failed one of any kind is no proof.
 */
const REQUIRED = {
  drill: /^(?:run|checksums|unpack|load|trees)$/,
  verify: /^(?:checksums|archives_\w+|database_restore)$/,
} as const;

/**
 * Yields the evidence that proves a run, the newest first. A drill or verification that failed revokes what is older.
 * Evidence that is damaged, or dated in the future, counts for nothing.
 */
export async function* proofsOfRun(
  store: string,
  run: string,
  now: Date,
  signal: AbortSignal,
): AsyncGenerator<Evidence, undefined> {
  yield* proving(store, readEvidence(store, run), now, signal);
}

/** Yields the proofs of all runs of a store, the newest first. */
export async function* proofsOf(store: string, now: Date, signal: AbortSignal): AsyncGenerator<Evidence, undefined> {
  const all = runsWithEvidence(store).flatMap((run) => readEvidence(store, run));
  yield* proving(store, all, now, signal);
}

async function* proving(
  store: string,
  evidence: readonly Evidence[],
  now: Date,
  signal: AbortSignal,
): AsyncGenerator<Evidence, undefined> {
  const sums = new Map<string, string | undefined>();
  const revoked = new Set<string>();
  for (const one of evidence.toSorted(newestFirst)) {
    const { run, ok, sums_sha256 } = one;
    if (revoked.has(run) || isFuture(timeOfEvidence(one), now)) continue;
    if (!sums.has(run)) sums.set(run, await sumsDigest(store, run, signal));
    if (sums_sha256 !== sums.get(run)) continue;
    if (!ok) revoked.add(run);
    else if (isWhole(one)) yield one;
  }
  return undefined;
}

/** Returns the digest of a run's SHA256SUMS; undefined if the run is gone, or that cannot be read. */
async function sumsDigest(store: string, run: string, signal: AbortSignal): Promise<string | undefined> {
  const sums = await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal).catch(() => undefined);
  signal.throwIfAborted();
  return sums?.sha256;
}

const newestFirst = (a: Evidence, b: Evidence): number => timeOfEvidence(b).getTime() - timeOfEvidence(a).getTime();

function isWhole(evidence: Evidence): boolean {
  if (evidence.format === "holdfast-drill") return !evidence.not_proved.some((id) => REQUIRED.drill.test(id));
  const { deep, quick, sample, not_proved } = evidence;
  return deep && !quick && sample === null && !not_proved.some((id) => REQUIRED.verify.test(id));
}
