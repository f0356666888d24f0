/** Verifies runs on a target. */
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { listRuns } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { readLocalRun } from "../../targets/core/local-run.ts";
import { readReceipts } from "../../targets/core/receipts.ts";
import type { Sample } from "../../targets/core/sample.ts";
import type { Target, TargetCheck } from "../../targets/core/target.ts";
import { openNamed, probeAndRecord } from "./open.ts";

export interface VerifyTargetRequest {
  readonly store: string;
  readonly config: SiteConfig;
  readonly target: string;
  /** An id, or `latest`, the newest on the target; undefined verifies all. */
  readonly run: string | undefined;
  readonly sample: Sample;
}

export interface TargetVerification {
  readonly target: string;
  readonly address: string;
  readonly ok: boolean;
  readonly runs: readonly TargetCheck[];
  /** Runs that the target acknowledged and does not have any more. */
  readonly missing: readonly string[];
}

export interface VerifyTargetHooks {
  readonly signal: AbortSignal;
  readonly onCheck: (check: TargetCheck) => void;
  readonly onBytes: (bytes: number) => void;
  readonly onWarning: (text: string) => void;
}

/** Compares runs on a target with the store, or with their receipts. Throws `E_RUN_UNKNOWN`, `E_REMOTE`. */
export async function verifyTarget(
  request: VerifyTargetRequest,
  hooks: VerifyTargetHooks,
): Promise<TargetVerification> {
  const { path: store } = await findStore(request.store);
  let done = 0;
  const onBytes = (bytes: number): void => hooks.onBytes((done += bytes));
  const { signal, onWarning } = hooks;
  const { target, known } = await openNamed(request.target, request.config, store, {
    signal,
    onBytes,
    onNote: onWarning,
  });
  try {
    const capabilities = known?.capabilities ?? (await probeAndRecord(store, target));
    const acknowledged = readReceipts(store, target.name, target.address).map(({ run }) => run);
    // Without the right to list, what was acknowledged is all that is known of.
    const there = capabilities.can_list ? await target.runs() : acknowledged;
    const runs = chosen(request.run, there, target);
    const checks: TargetCheck[] = [];
    for (const run of runs) {
      const local = listRuns(store).includes(run) ? await readLocalRun(store, run, signal) : undefined;
      const check = await target.verify(run, { local, sample: request.sample });
      hooks.onCheck(check);
      checks.push(check);
    }
    const missing = acknowledged.filter((run) => !there.includes(run));
    const ok = missing.length === 0 && checks.every(({ problems }) => problems.length === 0);
    return { target: target.name, address: target.address, ok, runs: checks, missing };
  } finally {
    await target.close();
  }
}

function chosen(name: string | undefined, there: readonly string[], { address }: Target): string[] {
  if (name === undefined) return [...there];
  const run = name === "latest" ? there.at(-1) : name;
  if (run !== undefined && there.includes(run)) return [run];
  throw new HoldfastError("E_RUN_UNKNOWN", `${address} has no ${run === undefined ? "runs" : `run ${run}`}`, {
    hint: `npx tsx scripts/push.ts ${run ?? ""} copies it there`.replace("  ", " "),
  });
}
