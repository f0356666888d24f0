/** The proof of a run, as retention regards it. */
import { timeBefore } from "../../config/settings/duration.ts";
import type { RetentionPolicy } from "../../config/settings/retention.ts";
import type { Evidence } from "../../model/evidence.ts";
import { provedFrom, timeOfEvidence } from "../checks/kept-evidence.ts";
import { proofsOfRun, type ProofOptions } from "../runs/proof.ts";

export interface Proof {
  readonly kind: "drill" | "verify";
  /** When it ended, RFC 3339. */
  readonly at: string;
  readonly duration_ms: number;
}

/** Returns the newest proof of a run; null without one that is young enough. */
export async function proofOf(
  store: string,
  run: string,
  { proofMaxAge }: Pick<RetentionPolicy, "proofMaxAge">,
  { now, ...options }: ProofOptions & { readonly now: Date },
): Promise<Proof | null> {
  const oldest = timeBefore(now, proofMaxAge);
  for await (const proof of proofsOfRun(store, run, now, options))
    if (provedFrom(proof) >= oldest) return toProof(proof);
  return null;
}

const toProof = (evidence: Evidence): Proof =>
  evidence.format === "holdfast-drill"
    ? { kind: "drill", at: evidence.finished_at, duration_ms: evidence.rto_ms }
    : {
        kind: "verify",
        at: evidence.finished_at,
        duration_ms: timeOfEvidence(evidence).getTime() - new Date(evidence.started_at).getTime(),
      };
