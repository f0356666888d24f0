/** Finds the proof of a run: the evidence of a drill or a deep verification of exactly its files. */
import path from "node:path";
import { timeBefore } from "../../config/duration.ts";
import type { RetentionPolicy } from "../../config/retention-settings.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { hashFile } from "../../store/files/hash.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { provedFrom, readEvidence, timeOfEvidence, type Evidence } from "../checks/kept-evidence.ts";
import { isFuture } from "../../store/files/clock.ts";

export interface Proof {
  readonly kind: "drill" | "verify";
  /** When it ended, RFC 3339. */
  readonly at: string;
  readonly duration_ms: number;
}

/**
 * Checks that a proof needs: everything was read, unpacked and compared, and every dump was loaded. The others need
 * counts, a config or a browser that a host may lack; a failed one of any kind is no proof.
 */
const REQUIRED = {
  drill: /^(?:run|checksums|unpack|load|trees)$/,
  verify: /^(?:checksums|archives_\w+|database_restore)$/,
} as const;

/**
 * Returns the newest proof of a run; null without one that is young enough. A later drill or verification that failed
 * revokes it. Damaged evidence counts for nothing.
 */
export async function proofOf(
  store: string,
  run: string,
  { proofMaxAge }: Pick<RetentionPolicy, "proofMaxAge">,
  { now, signal }: { readonly now: Date; readonly signal: AbortSignal },
): Promise<Proof | null> {
  const found = readEvidence(store, run).filter((one) => !isFuture(timeOfEvidence(one), now));
  if (found.length === 0) return null;
  const sums = await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal).catch(() => undefined);
  signal.throwIfAborted();
  const oldest = timeBefore(now, proofMaxAge);
  for (const evidence of found.toSorted((a, b) => timeOfEvidence(b).getTime() - timeOfEvidence(a).getTime())) {
    if (sums === undefined || evidence.sums_sha256 !== sums.sha256) continue;
    if (!evidence.ok) return null;
    if (isWhole(evidence)) return provedFrom(evidence) < oldest ? null : toProof(evidence);
  }
  return null;
}

function isWhole(evidence: Evidence): boolean {
  if (evidence.format === "holdfast-drill") return !evidence.not_proved.some((id) => REQUIRED.drill.test(id));
  const { deep, quick, sample, not_proved } = evidence;
  return deep && !quick && sample === null && !not_proved.some((id) => REQUIRED.verify.test(id));
}

const toProof = (evidence: Evidence): Proof =>
  evidence.format === "holdfast-drill"
    ? { kind: "drill", at: evidence.finished_at, duration_ms: evidence.rto_ms }
    : {
        kind: "verify",
        at: evidence.finished_at,
        duration_ms: timeOfEvidence(evidence).getTime() - new Date(evidence.started_at).getTime(),
      };
