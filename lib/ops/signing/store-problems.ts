/** Finds what the signatures of a store as a whole say: runs that were stripped of theirs, and runs that are gone. */
import type { Signing } from "../../config/settings/signing.ts";
import { count, type CheckState, type Finding, type Problem } from "../checks/check.ts";
import { readRemovals } from "../journals/removals.ts";
import { checkRunSignature } from "./check-run.ts";
import { signedRuns, type StorePlace } from "./memory.ts";

/** Returns the problem of a store whose newest signed run has vanished; undefined if it was removed on purpose. */
export async function rolledBack(
  store: StorePlace,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const { gone } = await signedRuns(store);
  if (gone === undefined) return undefined;
  const { runs, fault } = await readRemovals(store.path, signing, signal);
  if (fault === undefined && runs.has(gone)) return undefined;
  const why = fault === undefined ? "no removal of it is recorded" : `evidence/prune.jsonl ${fault}`;
  return {
    path: `runs/${gone}`,
    message: `is gone, the newest signed run that this host has seen, and ${why}: the store was put back to an older state`,
  };
}

/** Returns the unsigned runs among signed ones, and a store that was put back to an older state. */
export async function signatureProblems(
  store: StorePlace,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<Problem[]> {
  const { unsigned, since } = await signedRuns(store);
  const back = await rolledBack(store, signing, signal);
  return [
    ...unsigned.map((run) => ({
      path: `runs/${run}`,
      message: `is not signed, although runs are signed since ${since ?? "?"}`,
    })),
    ...(back === undefined ? [] : [back]),
  ];
}

/**
 * Checks the signature of a run, and that its store was not put back to an older state; undefined where nothing is
 * signed and nothing shall be.
 */
export async function checkSigned(
  store: StorePlace,
  run: string,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const found = await checkRunSignature(store, run, signing, signal);
  const back = await rolledBack(store, signing, signal);
  if (back === undefined) return found;
  const { figure = "not signed", problems = [] } = found ?? {};
  return { figure, problems: [...problems, back] };
}

/** The result for a store as a whole. */
interface StoreSignatures {
  readonly state: CheckState;
  readonly figure: string;
  readonly problems: readonly Problem[];
}

/** Checks the signatures of a store as a whole; undefined where nothing is signed and nothing shall be. */
export async function checkSignatures(
  store: StorePlace,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<StoreSignatures | undefined> {
  const { since } = await signedRuns(store);
  if (since === undefined && signing === undefined) return undefined;
  if (since === undefined) return { state: "not proved", figure: "no run is signed", problems: [] };
  const problems = await signatureProblems(store, signing, signal);
  const figure = problems.length === 0 ? `every run since ${since} has one` : count(problems.length, "problem");
  return { state: problems.length === 0 ? "ok" : "failed", figure, problems };
}
