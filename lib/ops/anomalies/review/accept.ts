/** Accepts anomalies of a run: it counts as good then, and the series begin anew with it. */
import type { Signing } from "../../../config/settings/signing.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Report } from "../../../model/event.ts";
import type { Accepted } from "../../../model/anomaly.ts";
import { FORMAT_VERSION } from "../../../model/unit.ts";
import { storeError } from "../../../store/files/atomic.ts";
import { holdStoreLocks } from "../../../store/lock/store-locks.ts";
import { findStore } from "../../../store/open.ts";
import { openSigning } from "../../../store/signing/open.ts";
import { assertWritable, userName } from "../../../store/writable.ts";
import { writeSignedDocument } from "../../checks/signed-document.ts";
import { findRun } from "../../runs/find-run.ts";
import { acceptanceCounts, acceptedFile, isSame, readAccepted } from "../accepted.ts";
import { subjectOf } from "../describe.ts";
import { readLastGood, repairLastGood } from "../last-good.ts";
import { anomaliesOf, type ListedAnomaly } from "./list.ts";

export interface AcceptRequest {
  readonly store: string;
  /** An id, `latest` or `last`. */
  readonly run: string;
  readonly code: string;
  /** These restrict it to some of the anomalies with the code. */
  readonly step: string | undefined;
  readonly unit: string | undefined;
  readonly table: string | undefined;
  readonly reason: string;
  readonly dryRun: boolean;
  readonly breakLock: boolean;
  /** Signs what is accepted. */
  readonly signing?: Signing | undefined;
}

export interface AcceptOutcome {
  readonly run: string;
  /** The anomalies that are accepted now and were not before. */
  readonly accepted: readonly ListedAnomaly[];
  /** Alarms of the run that are open still. */
  readonly open: readonly ListedAnomaly[];
  readonly last_good: string | null;
}

/**
 * Writes `evidence/<run>/accepted.json` and makes `last_good` right, under the store's lock. Throws `E_USAGE` if the run
 * has no such anomaly, `E_RUN_UNKNOWN`, `E_LOCKED`, `E_STORE`.
 */
export async function acceptAnomalies(
  request: AcceptRequest,
  options: { readonly signal: AbortSignal; readonly report: Report },
): Promise<AcceptOutcome> {
  const { path: store } = await findStore(request.store);
  if (request.dryRun) return outcomeOf(store, findRun(store, request.run), request);
  assertWritable(store);
  const lock = await holdStoreLocks(store, { command: "anomaly", breakLock: request.breakLock, ...options });
  try {
    const outcome = outcomeOf(store, findRun(store, request.run), request);
    await lock.assertHeld();
    if (outcome.accepted.length > 0) await write(store, outcome, request, lock.signal);
    await repairLastGood(store);
    return { ...outcome, last_good: readLastGood(store) ?? null };
  } catch (error) {
    lock.signal.throwIfAborted();
    throw error;
  } finally {
    await lock.release();
  }
}

/** Returns what would be accepted. Throws `E_USAGE` if there is nothing of the kind. */
function outcomeOf(store: string, run: string, { code, step, unit, table }: AcceptRequest): AcceptOutcome {
  const all = anomaliesOf(store, run);
  const matching = all.filter(
    (one) =>
      one.code === code &&
      (step === undefined || one.step === step) &&
      (unit === undefined || one.unit === unit) &&
      (table === undefined || one.table === table),
  );
  if (matching.length === 0) {
    const known = [...new Set(all.map((one) => `${one.code} of ${subjectOf(one)}`))].join("; ");
    throw new HoldfastError("E_USAGE", `the run ${run} has no such anomaly ${code}`, {
      hint: known === "" ? "the run has no anomalies" : `its anomalies: ${known}`,
    });
  }
  const accepted = matching.filter((one) => one.accepted === null);
  const open = all.filter(
    (one) => one.level === "alarm" && one.accepted === null && !accepted.some((other) => isSame(other, one)),
  );
  return { run, accepted, open, last_good: readLastGood(store) ?? null };
}

async function write(
  store: string,
  { run, accepted }: AcceptOutcome,
  { reason, signing }: AcceptRequest,
  signal: AbortSignal,
): Promise<void> {
  // What is there is signed again with what is added: it has to count by itself.
  if (!(await acceptanceCounts(store, run, { signing: openSigning(signing, store), signal })))
    throw new HoldfastError("E_SIGNATURE", `${acceptedFile(store, run)} has no valid signature`, {
      hint: "find out who wrote it; then remove it with its .sig, and accept the anomalies again",
    });
  const before = readAccepted(store, run);
  const [by, at] = [acceptor(), new Date().toISOString()];
  const added: Accepted["accepted"] = [];
  for (const { code, step, unit, table } of accepted) {
    const one = { code, step, unit, table, reason, by, at };
    if (!added.some((other) => isSame(other, one))) added.push(one);
  }
  const document: Accepted = {
    format: "holdfast-accepted",
    format_version: FORMAT_VERSION,
    run,
    accepted: [...before, ...added],
  };
  const file = acceptedFile(store, run);
  try {
    await writeSignedDocument(file, document, signing, signal);
  } catch (error) {
    throw storeError(`${file} cannot be written`, error);
  }
}

/** Returns who accepts: the user who called sudo, else that of the process. */
function acceptor(): string {
  const caller = process.env["SUDO_USER"] ?? "";
  return caller === "" ? userName() : caller;
}
