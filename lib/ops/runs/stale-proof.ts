/** Checks that a run was proved to restore lately. */
import { formatAge, HOUR_MS } from "../../report/format.ts";
import type { CheckState, Problem } from "../checks/check.ts";
import { timeOfEvidence } from "../checks/kept-evidence.ts";
import { fullBackups } from "./full-backups.ts";
import { proofsOf, type ProofOptions } from "./proof.ts";

interface ProofAge {
  /** Not proved: there is no run that could have been proved by now. */
  readonly state: CheckState;
  readonly figure: string;
  readonly problems: readonly Problem[];
}

/** A drill each week, and a day for it. */
const MAX_AGE_MS = 8 * 24 * HOUR_MS;

/** Checks the newest proof; without one, whether there are runs that could have been proved by now. */
export async function checkProofAge(store: string, now: Date, options: ProofOptions): Promise<ProofAge> {
  const { value: newest } = await proofsOf(store, now, options).next();
  if (newest !== undefined) {
    const age = now.getTime() - timeOfEvidence(newest).getTime();
    const kind = newest.format === "holdfast-drill" ? "drill" : "verification";
    const figure = `${kind} of ${newest.run}, ${formatAge(age)} ago`;
    if (age <= MAX_AGE_MS) return { state: "ok", figure, problems: [] };
    return {
      state: "failed",
      figure,
      problems: [problem(store, `the last proof is ${formatAge(age)} old`)],
    };
  }
  const oldest = [...fullBackups(store)].at(-1);
  const age = oldest === undefined ? 0 : now.getTime() - Date.parse(oldest.finished_at);
  if (age <= MAX_AGE_MS) return { state: "not proved", figure: "no run was proved yet", problems: [] };
  return { state: "failed", figure: "none", problems: [problem(store, "no run was ever proved")] };
}

const problem = (store: string, what: string) => ({
  path: store,
  message: `${what}, expected every 8 days: run a drill`,
});
