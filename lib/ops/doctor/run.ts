/**
 * Checks whether an installation is right: rights, programs, disks, timers, proofs. `health` checks whether the site
 * works. Nothing is changed.
 */
import { asHoldfastError } from "../../errors.ts";
import { CHECKS } from "./checks.ts";
import type { CheckRow, DoctorCheck, DoctorCheckId, DoctorFinding, Installation } from "./check.ts";

export interface Diagnosis {
  readonly site: string;
  /** False if a check failed; warnings do not count. */
  readonly ok: boolean;
  readonly checks: readonly DoctorCheck[];
}

/** Makes all checks; `onCheck` is called with each as soon as it is done. A check that throws is a failed one. */
export async function diagnose(
  installation: Installation,
  onCheck: (check: DoctorCheck) => void = () => {},
): Promise<Diagnosis> {
  const checks: DoctorCheck[] = [];
  for (const [id, row] of CHECKS) {
    installation.signal.throwIfAborted();
    const finding = await attempt(row, installation);
    if (finding === undefined) continue;
    const check = toCheck(id, row.title, finding);
    checks.push(check);
    onCheck(check);
  }
  return { site: installation.config.site, ok: checks.every(({ state }) => state !== "fail"), checks };
}

async function attempt({ title, check }: CheckRow, installation: Installation): Promise<DoctorFinding | undefined> {
  try {
    return await check(installation);
  } catch (error) {
    installation.signal.throwIfAborted();
    const { message, hint } = asHoldfastError(error);
    return { figure: "failed", faults: [{ path: title, message }], hint };
  }
}

function toCheck(
  id: DoctorCheckId,
  title: string,
  { figure, faults = [], warnings = [], hint }: DoctorFinding,
): DoctorCheck {
  const state = faults.length > 0 ? "fail" : warnings.length > 0 ? "warn" : "ok";
  return { id, title, state, figure, problems: [...faults, ...warnings], hint: state === "ok" ? null : (hint ?? null) };
}
