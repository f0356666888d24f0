/** Reads which anomalies of a run the operator accepted. */
import { existsSync } from "node:fs";
import path from "node:path";
import { acceptedSchema, type Accepted, type Anomaly } from "../../model/anomaly.ts";
import type { Signing } from "../../config/settings/signing.ts";
import type { ManifestHead } from "../../model/run.ts";
import { readDocument, tryReadDocument } from "../../store/files/json-documents.ts";
import { documentCounts } from "../checks/signed-document.ts";

export const acceptedFile = (store: string, run: string): string => path.join(store, "evidence", run, "accepted.json");

/** Returns what was accepted of a run. Throws `E_VERIFY` for a damaged document. */
export function readAccepted(store: string, run: string): Accepted["accepted"] {
  const file = acceptedFile(store, run);
  return existsSync(file) ? readDocument(file, acceptedSchema).accepted : [];
}

/** Checks whether what accepts the anomalies of a run counts: with allowed signers it needs a signature. */
export async function acceptanceCounts(
  store: string,
  run: string,
  { signing, signal }: { readonly signing: Signing | undefined; readonly signal: AbortSignal },
): Promise<boolean> {
  const file = acceptedFile(store, run);
  if (signing === undefined || !existsSync(file)) return true;
  const document = tryReadDocument(file, acceptedSchema);
  const last = document?.accepted.at(-1);
  return document?.run === run && (await documentCounts(file, new Date(last?.at ?? Date.now()), signing, signal));
}

/** Returns the alarms of a run that were not accepted: with one, the run is not good. */
export function openAnomalies(store: string, { run, anomalies }: Pick<ManifestHead, "run" | "anomalies">): Anomaly[] {
  const alarms = anomalies.filter(({ level }) => level === "alarm");
  if (alarms.length === 0) return [];
  const accepted = readAccepted(store, run);
  return alarms.filter((alarm) => !accepted.some((one) => isSame(one, alarm)));
}

/** Checks whether a run has no open alarm. What cannot be read accepts nothing. */
export function isWithoutAlarm(store: string, head: Pick<ManifestHead, "run" | "anomalies">): boolean {
  try {
    return openAnomalies(store, head).length === 0;
  } catch {
    return false;
  }
}

type Subject = Pick<Anomaly, "code" | "step" | "unit" | "table">;

/** Checks whether two are the same anomaly of one run. */
export const isSame = (a: Subject, b: Subject): boolean =>
  a.code === b.code && a.step === b.step && a.unit === b.unit && a.table === b.table;
