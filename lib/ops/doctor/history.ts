/** Checks what the history of the store needs: a retention that can be planned, and a proof that is young enough. */
import { retentionPolicy, type RetentionPolicy } from "../../config/retention-settings.ts";
import { listRuns } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { count } from "../checks/check.ts";
import { proofOf, type Proof } from "../retention/proof.ts";
import { prune } from "../retention/run.ts";
import type { DoctorFinding, Installation } from "./check.ts";

const DAY_MS = 24 * 3_600_000;
/** A drill each week, and a day for it. */
const DRILL_DAYS = 8;

/** Plans the retention without removing anything. Throws `E_VERIFY` for an unreadable journal or document. */
export async function checkRetention({ config, store, signal }: Installation): Promise<DoctorFinding | undefined> {
  if (store === undefined) return undefined;
  const request = { store, policy: retentionPolicy(config.retention), dryRun: true, breakLock: false };
  const { decisions, blocked, cap } = await prune(request, { signal, report: () => {} });
  const going = decisions.filter(({ keep }) => !keep).length;
  return {
    figure: `${count(decisions.length, "run")}, ${going} to delete`,
    warnings: [blocked, cap].flatMap((message) => (message === null ? [] : [{ path: "prune", message }])),
    hint: "npx tsx scripts/prune.ts --dry-run",
  };
}

/** Checks the age of the newest proof of any run. Proofs that retention no longer counts are none. */
export async function checkProof({ config, store, now, signal }: Installation): Promise<DoctorFinding | undefined> {
  if (store === undefined) return undefined;
  const { path: place } = await findStore(store);
  const policy = retentionPolicy(config.retention);
  const hint = "npx tsx scripts/drill.ts";
  const newest = await newestProof(place, policy, now, signal);
  if (newest === undefined) {
    const message = `no run was proved to restore within ${policy.proofMaxAge.text}`;
    return { figure: "none", faults: [{ path: place, message }], hint };
  }
  const age = Math.max(0, Math.floor((now.getTime() - Date.parse(newest.at)) / DAY_MS));
  const old = `the last proof is ${count(age, "day")} old; a drill each week keeps it younger`;
  return {
    figure: `${newest.kind} of ${newest.run}, ${count(age, "day")} ago`,
    warnings: age > DRILL_DAYS ? [{ path: `runs/${newest.run}`, message: old }] : [],
    hint,
  };
}

async function newestProof(
  store: string,
  policy: RetentionPolicy,
  now: Date,
  signal: AbortSignal,
): Promise<(Proof & { readonly run: string }) | undefined> {
  const proofs: (Proof & { readonly run: string })[] = [];
  for (const run of listRuns(store)) {
    const proof = await proofOf(store, run, policy, { now, signal });
    if (proof !== null) proofs.push({ ...proof, run });
  }
  return proofs.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
}
