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
 * Returns the evidence that proves a run, the newest first. A drill or verification that failed revokes what is older.
 * Evidence that is damaged, or dated in the future, counts for nothing.
 */
export async function proofsOfRun(store: string, run: string, now: Date, signal: AbortSignal): Promise<Evidence[]> {
  const found = readEvidence(store, run).filter((one) => !isFuture(timeOfEvidence(one), now));
  if (found.length === 0) return [];
  const sums = await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal).catch(() => undefined);
  signal.throwIfAborted();
  if (sums === undefined) return [];
  const own = found.filter(({ sums_sha256 }) => sums_sha256 === sums.sha256).toSorted(newestFirst);
  const failed = own.findIndex(({ ok }) => !ok);
  return (failed === -1 ? own : own.slice(0, failed)).filter(isWhole);
}

/** Returns the proofs of all runs of a store, the newest first. */
export async function proofsOf(store: string, now: Date, signal: AbortSignal): Promise<Evidence[]> {
  const proofs: Evidence[] = [];
  for (const run of runsWithEvidence(store)) proofs.push(...(await proofsOfRun(store, run, now, signal)));
  return proofs.toSorted(newestFirst);
}

const newestFirst = (a: Evidence, b: Evidence): number => timeOfEvidence(b).getTime() - timeOfEvidence(a).getTime();

function isWhole(evidence: Evidence): boolean {
  if (evidence.format === "holdfast-drill") return !evidence.not_proved.some((id) => REQUIRED.drill.test(id));
  const { deep, quick, sample, not_proved } = evidence;
  return deep && !quick && sample === null && !not_proved.some((id) => REQUIRED.verify.test(id));
}
