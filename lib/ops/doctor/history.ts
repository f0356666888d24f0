/** Checks what the history of the store needs: a retention that can be planned, and a proof that is young enough. */
import { retentionPolicy } from "../../config/settings/retention.ts";
import { requiredTargets } from "../../config/settings/targets/target.ts";
import { findStore } from "../../store/open.ts";
import { count } from "../checks/check.ts";
import { prune } from "../retention/run.ts";
import { checkProofAge } from "../runs/stale-proof.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Plans the retention without removing anything. Throws `E_VERIFY` for an unreadable journal or document. */
export async function checkRetention({ config, store, signal }: Installation): Promise<DoctorFinding | undefined> {
  if (store === undefined) return undefined;
  const required = requiredTargets(config.targets);
  const request = { store, policy: retentionPolicy(config.retention), dryRun: true, breakLock: false, required };
  const { decisions, blocked, cap } = await prune(request, { signal, report: () => {} });
  const going = decisions.filter(({ keep }) => !keep).length;
  return {
    figure: `${count(decisions.length, "run")}, ${going} to delete`,
    warnings: [blocked, cap].flatMap((message) => (message === null ? [] : [{ path: "prune", message }])),
    hint: "npx tsx scripts/prune.ts --dry-run",
  };
}

/** Checks the age of the newest proof, as the watch does. */
export async function checkProof({ store, now, signal }: Installation): Promise<DoctorFinding | undefined> {
  if (store === undefined) return undefined;
  const { path: place } = await findStore(store);
  const { state, figure, problems } = await checkProofAge(place, now, signal);
  return {
    figure,
    faults: problems,
    warnings: state === "not proved" ? [{ path: place, message: "no run was proved to restore yet" }] : [],
    hint: "npx tsx scripts/drill.ts",
  };
}
